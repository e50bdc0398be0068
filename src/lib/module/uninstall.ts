// SPDX-License-Identifier: GPL-2.0-only
/** Taking mpu.ko out of a system, with all that installing and building left. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError } from '../errors.js';
import { BOOT_FILE, configurationPath, OPTIONS_FILE } from './boot-files.js';
import { cacheDirectory } from './build.js';
import { Dkms } from './dkms.js';
import type { Host } from '../system/host.js';
import { readIfPresent } from '../system/regular-file.js';
import { allModules, ownModules, removeFiles, runDepmod } from './modules-directory.js';
import { unloadModule, type LoadOptions } from './load.js';
import { loadedModule } from './loaded-module.js';
import { installedModules, kernelReleases } from './module-file.js';
import { checkNotPackaged } from './packaged.js';
import { checkMayChange, mayChange } from './permission.js';

const WHAT = 'cannot uninstall mpu.ko';

/** What has been done so far. */
interface Removal extends Pick<UninstallResult, 'removed' | 'left'> {
  /** Errors of steps that others do not depend on. */
  failures: unknown[];
}

/** How to uninstall. */
export interface UninstallOptions extends Pick<LoadOptions, 'query'> {
  /** Take it away for this kernel alone, and leave the rest. Default: everything. */
  onlyKernel?: boolean;
}

/** What became of a request to uninstall. */
export interface UninstallResult {
  outcome: 'uninstalled' | 'unchanged';
  /** What was removed: files, directories and DKMS versions. */
  removed: string[];
  /** Files that may be mpu's and stay, for they cannot be read. */
  left: { path: string; why: string }[];
}

/**
 * Removes the modules of these kernels, and links that lead nowhere. All are read before the first goes: a link of weak-modules leads
 * to the module of another kernel. A kernel whose list of modules cannot be updated does not keep the others' from being.
 */
async function removeModuleFiles(host: Host, kernels: readonly string[], result: Removal): Promise<void> {
  const modules = (await allModules(host)).filter(({ release }) => kernels.includes(release));
  for (const kernel of kernels) {
    const of = modules.filter(({ release, ours, dangling }) => release === kernel && (ours || dangling === true));
    result.removed.push(...(await removeFiles(of)));
    if (of.length > 0) await runDepmod(host, kernel).catch((error: unknown) => result.failures.push(error));
  }
  for (const { path, problem, dangling } of modules) {
    if (problem !== undefined && dangling !== true) result.left.push({ path, why: problem });
  }
}

async function removeDkms(host: Host, kernel: string | undefined, removed: string[]): Promise<void> {
  const dkms = await Dkms.find(host);
  if (dkms === undefined) return;
  const entries = await dkms.status();
  if (kernel !== undefined) {
    for (const entry of entries.filter((candidate) => candidate.kernel === kernel)) {
      await dkms.remove(entry.version, kernel);
      removed.push(`DKMS: mpu ${entry.version} for ${kernel}`);
    }
    return;
  }
  for (const version of new Set(entries.map((entry) => entry.version))) {
    await dkms.remove(version);
    removed.push(`DKMS: mpu ${version}`);
  }
}

async function removePath(path: string, removed: string[]): Promise<void> {
  const existed = await rm(path, { recursive: true }).then(
    () => true,
    (error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
      throw error;
    },
  );
  if (existed) removed.push(path);
}

/** The versions whose sources lie where DKMS looks for them. */
async function sourceVersions(host: Host): Promise<string[]> {
  const parent = await host.resolve('/usr/src');
  const versions: string[] = [];
  for (const name of await readdir(parent).catch((): string[] => [])) {
    const [, version] = /^mpu-(\d.*)$/.exec(name) ?? [];
    const settings = await readIfPresent(join(parent, name, 'dkms.conf'));
    if (version !== undefined && settings?.includes('PACKAGE_NAME="mpu"') === true) versions.push(version);
  }
  return versions;
}

/** Whether there is anything but a cache. */
async function isInstalled(host: Host, options: UninstallOptions): Promise<boolean> {
  if (options.onlyKernel === true) return (await installedModules(host, host.kernel)).some(({ ours }) => ours);
  const files = await Promise.all(
    [BOOT_FILE, OPTIONS_FILE].map(async (file) => readIfPresent(await configurationPath(host, file))),
  );
  return (
    (await loadedModule(host, options.query)).owner === 'mpu' ||
    (await ownModules(host)).length > 0 ||
    (await sourceVersions(host)).length > 0 ||
    files.some((text) => text !== undefined)
  );
}

/** Removes all but the cache, for every kernel. */
async function removeAll(host: Host, options: UninstallOptions, result: Removal): Promise<void> {
  const { removed } = result;
  const versions = await sourceVersions(host);
  await checkNotPackaged(host, WHAT, versions);
  if ((await loadedModule(host, options.query)).owner === 'mpu') {
    await unloadModule(host, options);
    removed.push('the loaded module');
  }
  await removeDkms(host, undefined, removed);
  await removeModuleFiles(host, await kernelReleases(host), result);
  for (const version of versions) await removePath(await host.resolve(`/usr/src/mpu-${version}`), removed);
  for (const file of [BOOT_FILE, OPTIONS_FILE]) await removePath(await configurationPath(host, file), removed);
}

/**
 * Removes the module for all kernels: unloads it, takes it from DKMS or /lib/modules, and removes the
 * boot configuration, the sources and the cache. Modules of other projects with the name stay. A user who may not
 * change the system removes their own cache, when nothing else is there. Throws an MpuError.
 */
export async function uninstallModule(host: Host, options: UninstallOptions = {}): Promise<UninstallResult> {
  const result: Removal = { removed: [], left: [], failures: [] };
  const { removed, left, failures } = result;
  const { onlyKernel = false } = options;
  try {
    if ((await mayChange(host)) || (await isInstalled(host, options))) {
      await checkMayChange(host, WHAT, 'uninstall');
      if (onlyKernel) {
        await removeDkms(host, host.kernel, removed);
        await removeModuleFiles(host, [host.kernel], result);
      } else await removeAll(host, options, result);
    }
    await removePath(onlyKernel ? join(cacheDirectory(host), host.kernel) : cacheDirectory(host), removed);
    if (failures.length > 0) throw failures[0];
    return { outcome: removed.length > 0 ? 'uninstalled' : 'unchanged', removed, left };
  } catch (error) {
    throw fileError(error, WHAT);
  }
}
