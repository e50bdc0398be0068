// SPDX-License-Identifier: GPL-2.0-only
/** The unit that puts the translator at its path at each boot. */
import { packagedUnit, type Unit } from '../system/systemd.js';

/** A translator; `auto` is the first that works. */
export type Translator = 'auto' | 'bpf' | 'nsfs';

/** Name of the unit. */
export const PIDNS_UNIT = 'mpu-pidns.service';

/** Returns the unit, with the translator that was chosen. */
export async function pidnsUnit(translator: Translator): Promise<Unit> {
  const unit = await packagedUnit(PIDNS_UNIT);
  if (translator === 'auto') return unit;
  return { ...unit, text: unit.text.replace('pidns enable', `pidns enable --translator ${translator}`) };
}
