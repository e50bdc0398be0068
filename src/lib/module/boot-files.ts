// SPDX-License-Identifier: GPL-2.0-only
/** The files by which a system loads mpu.ko at boot, and with which parameters. */
import { readdir, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Host } from '../system/host.js';
import { writeAtomic } from '../system/replace-file.js';
import { readIfPresent } from '../system/regular-file.js';
import { makeParent, type RollbackSteps } from '../system/rollback.js';

/** systemd-modules-load(8) reads it at boot. */
export const BOOT_FILE = '/etc/modules-load.d/mpu.conf';
const BOOT_TEXT = '# Written by mpu module install.\nmpu\n';

/** modprobe(8) reads it when the module is loaded. */
export const OPTIONS_FILE = '/etc/modprobe.d/mpu.conf';
const OPTIONS_TEXT = '# Written by mpu module install --intercept.\noptions mpu intercept=1\n';

/** Where systemd-modules-load(8) looks: a file masks those of its name in later directories. */
const BOOT_DIRECTORIES = ['/etc', '/run', '/usr/local/lib', '/usr/lib', '/lib'].map(
  (parent) => `${parent}/modules-load.d`,
);

/** Whether the module is loaded at boot, by whoever's file: a package's lies in /usr/lib. */
export async function isLoadedAtBoot(host: Host): Promise<boolean> {
  const files = new Map<string, string>();
  for (const directory of BOOT_DIRECTORIES) {
    for (const name of await readdir(await host.resolve(directory)).catch((): string[] => [])) {
      if (name.endsWith('.conf') && !files.has(name)) files.set(name, join(directory, name));
    }
  }
  for (const path of files.values()) {
    // A link to /dev/null is an empty file, also where the root has no /dev.
    if (/^\s*mpu\s*$/m.test((await readIfPresent(await host.resolve(path))) ?? '')) return true;
  }
  return false;
}

/** Where a file of configuration lies. It may itself be a link, to /dev/null for one: that is not followed. */
export async function configurationPath(host: Host, file: string): Promise<string> {
  return join(await host.resolve(dirname(file)), basename(file));
}

/** Writes a file of configuration, or removes it where there is to be none. Returns whether anything changed. */
async function writeConfiguration(
  host: Host,
  file: string,
  text: string | undefined,
  rollback: RollbackSteps,
): Promise<boolean> {
  const path = await configurationPath(host, file);
  const link = await readlink(path).catch(() => undefined);
  const before = await readIfPresent(path);
  if (before === text && link === undefined) return false;
  await makeParent(path, rollback);
  rollback.push(async () => {
    await rm(path, { force: true });
    if (link !== undefined) await symlink(link, path);
    else if (before !== undefined) await writeFile(path, before);
  });
  if (text === undefined) {
    await rm(path);
    return true;
  }
  await writeAtomic(path, Buffer.from(text));
  return true;
}

/**
 * Lets the module be loaded at boot, with interception on or off, or as it was. Returns whether anything changed.
 */
export async function configureBoot(
  host: Host,
  intercept: boolean | undefined,
  rollback: RollbackSteps,
): Promise<boolean> {
  const options =
    intercept !== undefined &&
    (await writeConfiguration(host, OPTIONS_FILE, intercept ? OPTIONS_TEXT : undefined, rollback));
  return (await writeConfiguration(host, BOOT_FILE, BOOT_TEXT, rollback)) || options;
}
