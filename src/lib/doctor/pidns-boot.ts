// SPDX-License-Identifier: GPL-2.0-only
/** How the host's PID namespace gets to /run/mpu/pidns, and gets there again after a boot: by a unit of systemd. */
import { existsSync } from 'node:fs';
import type { Host } from '../system/host.js';
import { MOUNT_PIDNS } from '../containers/pidns-file.js';

/** What puts the file there at boot. */
export interface PidnsBoot {
  /** Whether systemd manages the system. */
  hasSystemd: boolean;
  unit: 'absent' | 'disabled' | 'enabled';
}

const UNIT = 'mpu-pidns.service';
/** The second one starts the first. */
const WANTED = [UNIT, 'mpu-cdi.service'];
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
  const installed = await anyOf(UNIT_DIRECTORIES.map((directory) => `${directory}/${UNIT}`));
  const enabled = installed && (await anyOf(WANTED.map((unit) => `${WANTS}/${unit}`)));
  return {
    hasSystemd: await isThere('/run/systemd/system'),
    unit: enabled ? 'enabled' : installed ? 'disabled' : 'absent',
  };
}

/** The command that mounts it, now and, with systemd, at each boot. */
export function mountCommand({ hasSystemd, unit }: PidnsBoot): string {
  if (!hasSystemd) return MOUNT_PIDNS;
  if (unit === 'absent') return 'sudo mpu cdi install';
  return unit === 'disabled' ? `sudo systemctl enable --now ${UNIT}` : `sudo systemctl restart ${UNIT}`;
}

/** Who mounts it at boot, in words; undefined for nobody. */
export const mountedAtBoot = ({ hasSystemd, unit }: PidnsBoot): string | undefined =>
  hasSystemd && unit === 'enabled' ? UNIT : undefined;
