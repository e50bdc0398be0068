// SPDX-License-Identifier: GPL-2.0-only
/** Taking mpu.ko out of a system, with all that installing and building left. */
import { readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileError } from '../errors.js';
import { cacheDirectory } from './build.js';
import { Dkms } from './dkms.js';
import { readIfPresent, type Host } from './host.js';
import { BOOT_FILE, OPTIONS_FILE, runDepmod } from './install.js';
import { unloadModule, type LoadOptions } from './load.js';
import { loadedModule } from './loaded.js';
import { installedModules, kernelReleases } from './module-file.js';

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
}

async function removeFiles(host: Host, kernels: readonly string[], removed: string[]): Promise<void> {
  for (const kernel of kernels) {
    const ours = (await installedModules(host, kernel)).filter((module) => module.ours);
    for (const { path } of ours) {
      await rm(path, { force: true });
      removed.push(path);
      // Made by the installation, or somebody else's and then not empty.
      await rmdir(dirname(path)).catch(() => undefined);
    }
    if (ours.length > 0) await runDepmod(host, kernel);
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
  const existed = await rm(path, { recursive: true }).then(() => true, (error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  });
  if (existed) removed.push(path);
}

/**
 * Removes the module for all kernels: unloads it, takes it from DKMS or /lib/modules, and removes the
 * boot configuration, the sources and the cache. Modules of other projects with the name stay.
 */
export async function uninstallModule(host: Host, options: UninstallOptions = {}): Promise<UninstallResult> {
  const removed: string[] = [];
  try {
    if (options.onlyKernel === true) {
      await removeDkms(host, host.kernel, removed);
      await removeFiles(host, [host.kernel], removed);
      await removePath(join(cacheDirectory(host), host.kernel), removed);
      return { outcome: removed.length > 0 ? 'uninstalled' : 'unchanged', removed };
    }
    if ((await loadedModule(host, options.query)).owner === 'mpu') {
      await unloadModule(host, options);
      removed.push('the loaded module');
    }
    await removeDkms(host, undefined, removed);
    await removeFiles(host, await kernelReleases(host), removed);
    const sources = await host.resolve('/usr/src');
    for (const name of await readdir(sources).catch((): string[] => [])) {
      if (/^mpu-\d/.test(name) && (await readIfPresent(join(sources, name, 'dkms.conf')))?.includes('PACKAGE_NAME="mpu"') === true) {
        await removePath(join(sources, name), removed);
      }
    }
    await removePath(await host.resolve(BOOT_FILE), removed);
    await removePath(await host.resolve(OPTIONS_FILE), removed);
    await removePath(cacheDirectory(host), removed);
    return { outcome: removed.length > 0 ? 'uninstalled' : 'unchanged', removed };
  } catch (error) {
    throw fileError(error, 'cannot uninstall mpu.ko');
  }
}
