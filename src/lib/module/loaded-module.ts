// SPDX-License-Identifier: GPL-2.0-only
/** The module `mpu` that is in the kernel, ours or another project's. */
import { access } from 'node:fs/promises';
import { MpuError } from '../errors.js';
import { queryModule, type ModuleState } from '../translator.js';
import type { Host } from '../system/host.js';
import { readIfPresent } from '../system/regular-file.js';

/** What is loaded under the name `mpu`. */
export interface LoadedModule {
  /** `foreign`: a module of another project, e.g. matpool/mpu, which has the same name. */
  owner: 'none' | 'mpu' | 'foreign';
  /** Its MODULE_VERSION. */
  version?: string;
  /** What it answered over netlink; absent when it was not, or could not be, asked. */
  answer?: ModuleState;
}

/** Asks over netlink; undefined when no family answers. Tests put another in its place. */
export type Query = () => Promise<ModuleState | undefined>;

/** What is loaded. Without the native addon, a module is told by having a version, as others do not. */
export async function loadedModule(host: Host, query: Query = queryModule): Promise<LoadedModule> {
  const directory = host.kernelFile('/sys/module/mpu');
  if (
    !(await access(directory).then(
      () => true,
      () => false,
    ))
  )
    return { owner: 'none' };
  const version = (await readIfPresent(`${directory}/version`))?.trim();
  const versioned = version === undefined ? {} : { version };
  try {
    const answer = await query();
    return answer === undefined
      ? { owner: 'foreign', ...versioned }
      : { owner: 'mpu', version: answer.version, answer };
  } catch (error) {
    if (!(error instanceof MpuError)) throw error;
    return { owner: version === undefined ? 'foreign' : 'mpu', ...versioned };
  }
}

/**
 * Throws an MpuError, `module-busy`, when mpu.ko is on its way out, which can take as long as a process sleeps in the driver: it
 * still answers, and soon will not.
 */
export async function refuseIfGoing(host: Host, what: string): Promise<void> {
  if ((await readIfPresent(host.kernelFile('/sys/module/mpu/initstate')))?.trim() !== 'going') return;
  throw new MpuError({
    code: 'module-busy',
    what,
    why: 'mpu.ko is being unloaded, and waits for a process in a container that sleeps in the NVIDIA driver',
    next: 'end that process, or run it again later',
  });
}

/** The error of a module of another project that has the name. */
export function foreignModule(what: string): MpuError {
  return new MpuError({
    code: 'foreign-module',
    what,
    why: 'another module with the name mpu is loaded (matpool/mpu has that name), which answers to no netlink family mpu',
    next: 'rmmod mpu, and remove what loads it: grep -rw mpu /etc/modules /etc/modules-load.d',
  });
}
