// SPDX-License-Identifier: GPL-2.0-only
/** Texts that verbs of `mpu pidns` share. */
import { Option } from 'commander';
import type { PidnsStatus } from '../../lib/pidns/state.js';

/** End of the help of every verb. */
export const EXIT_CODES = `
Exit codes: 0 done, or nothing to do; 1 failed; 2 usage; 3 this system has no
translator but mpu.ko; 4 permission denied.
`;

/** Returns the flag --persist. */
export const persistOption = (description: string): Option => new Option('--persist', description).env('MPU_PERSIST');

/** Describes the translator in a few words. */
export function describeTranslator({ translator, form }: PidnsStatus): string {
  if (translator === null) return 'none';
  if (translator === 'nsfs') return "nsfs: the host's PID namespace";
  return `bpf: a task iterator${form === undefined ? '' : `, the form "${form}"`}`;
}

/** Describes the next boot. */
export const describeBoot = ({ atBoot }: PidnsStatus): string => atBoot ?? 'not enabled';
