// SPDX-License-Identifier: GPL-2.0-only
/** Installing mpu.ko as a file in /lib/modules/VERSION/extra. */
import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MpuError, throwIfInterrupted } from '../errors.js';
import { configureBoot } from './boot-files.js';
import { builtModule, cacheDirectory, type BuiltModule } from './build.js';
import { copyAtomic } from '../system/replace-file.js';
import type { Dkms, DkmsEntry } from './dkms.js';
import type { Host } from '../system/host.js';
import type { InstallResult, SkippedKernel, InstallOptions } from './install-types.js';
import { ownModules, removeModules, runDepmod } from './modules-directory.js';
import { installedModules, kernelReleases } from './module-file.js';
import { checkNotPackaged } from './packaged.js';
import { sourceVersion } from './source.js';
import { changeSystem, keepPaths, makeParent } from '../system/rollback.js';
import { makeDirectory } from '../system/make-directory.js';

/** A module and where it goes. */
interface ModuleCopy {
  kernel: string;
  built: BuiltModule;
  path: string;
}

const versionsOf = (entries: readonly DkmsEntry[]): string[] => [...new Set(entries.map(({ version }) => version))];

/** Builds for one kernel. */
async function copyFor(host: Host, options: InstallOptions): Promise<ModuleCopy> {
  const built = await builtModule(host, options);
  return {
    kernel: host.kernel,
    built,
    path: join(await host.resolve(`/lib/modules/${host.kernel}`), 'extra', 'mpu.ko'),
  };
}

/** Builds for the kernel, and for those that DKMS built for and will not any more; these may be left out. */
async function copiesFor(
  host: Host,
  entries: readonly DkmsEntry[],
  options: InstallOptions,
  skipped: SkippedKernel[],
): Promise<[ModuleCopy, ...ModuleCopy[]]> {
  const found: [ModuleCopy, ...ModuleCopy[]] = [await copyFor(host, options)];
  const had = new Set(entries.map(({ kernel }) => kernel));
  for (const kernel of (await kernelReleases(host)).filter((release) => had.has(release) && release !== host.kernel)) {
    try {
      found.push(await copyFor(host.forKernel(kernel), options));
    } catch (error) {
      throwIfInterrupted(options.signal);
      if (!(error instanceof MpuError)) throw error;
      skipped.push({ kernel, why: error.why });
    }
  }
  return found;
}

/** Whether the file is all that the kernel has, and as it was built. */
async function isInPlace(host: Host, { kernel, built, path }: ModuleCopy): Promise<boolean> {
  const modules = (await installedModules(host, kernel)).filter(({ ours }) => ours);
  return modules.length === 1 && modules[0]?.path === path && (await readFile(path)).equals(await readFile(built.path));
}

/** Puts the modules in place and takes DKMS's away. Returns whether anything changed. */
async function installAll(
  host: Host,
  dkms: Dkms | undefined,
  entries: readonly DkmsEntry[],
  wanted: readonly ModuleCopy[],
  options: InstallOptions,
): Promise<boolean> {
  return changeSystem(cacheDirectory(host), async (rollback, scratch) => {
    let done = entries.length === 0;
    for (const placement of wanted) done &&= await isInPlace(host, placement);
    if (!done) {
      const sources = await Promise.all(versionsOf(entries).map((version) => host.resolve(`/usr/src/mpu-${version}`)));
      const registration = dkms === undefined || entries.length === 0 ? [] : [await dkms.directory()];
      const modules = (await ownModules(host)).map(({ path }) => path);
      for (const { kernel } of wanted) rollback.push(() => runDepmod(host, kernel));
      for (const { path } of wanted) await makeParent(path, rollback);
      await keepPaths(
        scratch,
        [...registration, ...sources, ...new Set([...modules, ...wanted.map(({ path }) => path)])],
        rollback,
      );
      for (const version of versionsOf(entries)) await dkms?.remove(version);
      for (const directory of sources) await rm(directory, { recursive: true, force: true });
      for (const { kernel, built, path } of wanted) {
        await removeModules(host, kernel, path);
        await makeDirectory(dirname(path));
        await copyAtomic(built.path, path);
        throwIfInterrupted(options.signal);
        await runDepmod(host, kernel);
      }
    }
    const configured = await configureBoot(host, options.intercept, rollback);
    throwIfInterrupted(options.signal);
    return configured || !done;
  });
}

/** Installs the module as a file, in place of DKMS's where that has it. Called by installModule(). */
export async function installFiles(
  host: Host,
  dkms: Dkms | undefined,
  options: InstallOptions,
): Promise<InstallResult> {
  const entries = (await dkms?.status()) ?? [];
  await checkNotPackaged(host, `cannot install mpu.ko for kernel ${host.kernel}`, versionsOf(entries));
  const skipped: SkippedKernel[] = [];
  const wanted = await copiesFor(host, entries, options, skipped);
  const [first, ...others] = wanted;
  const changed = await installAll(host, dkms, entries, wanted, options);
  return {
    outcome: changed ? 'installed' : 'unchanged',
    method: 'file',
    kernel: host.kernel,
    version: await sourceVersion(),
    path: first.path,
    signed: first.built.signed,
    alsoFor: others.map(({ kernel }) => kernel),
    skipped,
  };
}
