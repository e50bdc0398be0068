// SPDX-License-Identifier: GPL-2.0-only
/** Changing what lies below /lib/modules. */
import { rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MpuError } from '../errors.js';
import type { Host } from '../system/host.js';
import { installedModules, kernelReleases, type InstalledModule } from './module-file.js';
import { lastLines, runProgram } from '../system/program.js';

/** Brings modules.dep of a kernel up to date. */
export async function runDepmod(host: Host, kernel: string): Promise<void> {
  const what = `cannot update the list of modules of kernel ${kernel}`;
  const root = host.isThisSystem ? [] : ['-b', host.root];
  const result = await runProgram('depmod', [...root, kernel], what);
  if (result.status === 0) return;
  throw new MpuError({
    code: 'depmod-failed',
    what,
    why: lastLines(result),
    next: `run it yourself to see more: depmod ${[...root, kernel].join(' ')}`,
  });
}

/** Returns every mpu.ko below /lib/modules, whatever the kernel. */
export async function allModules(host: Host): Promise<InstalledModule[]> {
  const modules: InstalledModule[] = [];
  for (const release of await kernelReleases(host)) modules.push(...(await installedModules(host, release)));
  return modules;
}

/** Returns every mpu.ko of this project, whatever the kernel. */
export async function ownModules(host: Host): Promise<InstalledModule[]> {
  return (await allModules(host)).filter(({ ours }) => ours);
}

/** Removes these files, and directories that are empty then. Returns their paths. */
export async function removeFiles(modules: readonly InstalledModule[]): Promise<string[]> {
  for (const { path } of modules) {
    await rm(path, { force: true });
    // The installation made the directory, or it holds something else and stays.
    await rmdir(dirname(path)).catch(() => undefined);
  }
  return modules.map(({ path }) => path);
}

/** Removes this project's modules of a kernel, but for the file `except`. Returns the paths of those that were there. */
export async function removeModules(host: Host, kernel: string, except?: string): Promise<string[]> {
  return removeFiles((await installedModules(host, kernel)).filter(({ ours, path }) => ours && path !== except));
}
