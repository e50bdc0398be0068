// SPDX-License-Identifier: GPL-2.0-only
/** Who may change a system and its kernel: asked before anything is done. */
import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ExitCode, MpuError, errnoName } from '../errors.js';
import type { Host } from '../system/host.js';
import { mayLoadModules } from './restrictions.js';

/** Throws unless this process may load and unload modules. */
export async function checkMayLoad(host: Host, what: string, verb: string): Promise<void> {
  if (await mayLoadModules(host)) return;
  throw new MpuError({
    code: 'permission-denied',
    what,
    why: 'it needs CAP_SYS_MODULE, which root on the host has and root in a container mostly lacks',
    next: process.getuid?.() === 0 ? `run it on the host: mpu module ${verb}` : `sudo mpu module ${verb}${host.flags}`,
    exitCode: ExitCode.permission,
  });
}

/** Why nothing can be made in a directory, or in the nearest one above it that exists; undefined when it can. */
async function whyNotWritable(path: string): Promise<string | undefined> {
  try {
    await access(path, constants.W_OK);
    return undefined;
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return whyNotWritable(dirname(path));
    return errnoName(error) === 'EROFS'
      ? `the file system of ${path} is mounted read-only`
      : `${path} may not be written to`;
  }
}

/** What keeps this process from changing the modules of a system; undefined when nothing does. */
async function obstacle(host: Host): Promise<string | undefined> {
  for (const path of [`/lib/modules/${host.kernel}`, '/etc/modules-load.d']) {
    const why = await whyNotWritable(await host.resolve(path));
    if (why !== undefined) return why;
  }
  return undefined;
}

/** Whether this process may change the modules of a system. */
export async function mayChange(host: Host): Promise<boolean> {
  return (await obstacle(host)) === undefined;
}

/** Throws unless this process may change the modules of a system. */
export async function checkMayChange(host: Host, what: string, verb: string): Promise<void> {
  const why = await obstacle(host);
  if (why === undefined) return;
  throw new MpuError({
    code: 'permission-denied',
    what,
    why,
    next:
      process.getuid?.() === 0
        ? 'run it on the host, with its file systems mounted for writing'
        : `sudo mpu module ${verb}${host.flags}`,
    exitCode: ExitCode.permission,
  });
}
