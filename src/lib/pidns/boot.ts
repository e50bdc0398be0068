// SPDX-License-Identifier: GPL-2.0-only
/** The unit of systemd that puts the translator at /run/mpu/pidns at each boot. */
import { existsSync } from 'node:fs';
import type { Host } from '../system/host.js';
import { PIDNS_UNIT } from './unit.js';

/** What puts the file there at boot. */
export interface PidnsBoot {
  /** Whether systemd manages the system. */
  hasSystemd: boolean;
  unit: 'absent' | 'disabled' | 'enabled';
}

/** The second one starts the first. */
const WANTED = [PIDNS_UNIT, 'mpu-cdi.service'];
const UNIT_DIRECTORIES = [
  '/etc/systemd/system',
  '/usr/local/lib/systemd/system',
  '/usr/lib/systemd/system',
  '/lib/systemd/system',
];
/** Where enabling a unit of the boot puts a link to it. */
const WANTS = '/etc/systemd/system/multi-user.target.wants';

/** Looks at a system. */
export async function findPidnsBoot(host: Host): Promise<PidnsBoot> {
  const isThere = async (path: string): Promise<boolean> => existsSync(await host.resolve(path));
  const anyOf = async (paths: readonly string[]): Promise<boolean> =>
    (await Promise.all(paths.map(isThere))).includes(true);
  const installed = await anyOf(UNIT_DIRECTORIES.map((directory) => `${directory}/${PIDNS_UNIT}`));
  const enabled = installed && (await anyOf(WANTED.map((unit) => `${WANTS}/${unit}`)));
  return {
    hasSystemd: await isThere('/run/systemd/system'),
    unit: enabled ? 'enabled' : installed ? 'disabled' : 'absent',
  };
}

/** Returns the command that puts it there, now and, with systemd, at each boot. */
export function mountCommand({ hasSystemd, unit }: PidnsBoot): string {
  if (!hasSystemd) return 'sudo mpu pidns enable';
  if (unit === 'absent') return 'sudo mpu pidns enable --persist';
  return unit === 'disabled' ? `sudo systemctl enable --now ${PIDNS_UNIT}` : `sudo systemctl restart ${PIDNS_UNIT}`;
}

/** Returns the unit that puts it there at boot; undefined for none. */
export const mountedAtBoot = ({ hasSystemd, unit }: PidnsBoot): string | undefined =>
  hasSystemd && unit === 'enabled' ? PIDNS_UNIT : undefined;
