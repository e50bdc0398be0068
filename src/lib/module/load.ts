// SPDX-License-Identifier: GPL-2.0-only
/** Loading mpu.ko into the running kernel and taking it out again. Nothing persists over a boot. */
import { ExitCode, MpuError, throwIfInterrupted, usageError } from '../errors.js';
import { queryModule, type ModuleState } from '../translator.js';
import { builtModule, cachedModule, type BuildOptions } from './build.js';
import type { Host } from '../system/host.js';
import { explainInsmod } from './insmod.js';
import { drainIntercept, switchIntercept } from './intercept.js';
import { checkLoadable, checkRelease, findHeaders } from './kernel-build.js';
import { foreignModule, loadedModule, refuseIfGoing, type Query } from './loaded-module.js';
import { installedModules, type ModuleFile } from './module-file.js';
import { checkMayLoad } from './permission.js';
import { lastLines, runProgram } from '../system/program.js';
import { sourceVersion } from './source.js';

/** How to load; everything is optional. */
export interface LoadOptions extends BuildOptions {
  /** Switch interception on. Without, it stays as it is in a module that is loaded. */
  intercept?: boolean;
  /** Asks the module; for tests. */
  query?: Query;
}

/** What became of a request to load. */
export interface LoadResult {
  /** `replaced`: another version was loaded before. */
  outcome: 'loaded' | 'replaced' | 'unchanged';
  kernel: string;
  /** File that was loaded; undefined when nothing was. */
  path?: string;
  /** What the loaded module answered over netlink. */
  module: ModuleState;
}

/** What became of a request to unload. */
export interface UnloadResult {
  outcome: 'unloaded' | 'unchanged';
  kernel: string;
}

/** A module in the cache that somebody signed. Without headers, it cannot be told whether it is still the right one. */
async function signedInCache(host: Host): Promise<ModuleFile | undefined> {
  if ((await findHeaders(host)) === undefined) return undefined;
  const cached = await cachedModule(host);
  return cached?.signed === true ? cached : undefined;
}

/**
 * The file to load: one that was built or installed for this kernel by this version, else a new one. What is installed
 * was found to be refused before `mpu module sign` is used, so what that has signed comes first.
 */
async function moduleToLoad(host: Host, version: string, options: BuildOptions): Promise<ModuleFile> {
  const matches = (file: ModuleFile): boolean => file.ours && file.version === version && file.kernel === host.kernel;
  if (options.key === undefined && options.compiler === undefined) {
    const installed = (await installedModules(host, host.kernel)).find(matches);
    if (installed !== undefined) return (await signedInCache(host)) ?? installed;
  }
  return builtModule(host, options);
}

async function remove(what: string): Promise<void> {
  const result = await runProgram('rmmod', ['mpu'], what);
  if (result.status === 0) return;
  const why = lastLines(result);
  if (/Operation not permitted|Permission denied/.test(why)) {
    throw new MpuError({
      code: 'permission-denied',
      what,
      why,
      next: 'sudo mpu module unload',
      exitCode: ExitCode.permission,
    });
  }
  throw new MpuError({
    code: 'module-busy',
    what,
    why,
    next: 'end what uses it and run it again: lsmod shows how many do',
  });
}

/**
 * Loads mpu.ko, building it when there is none for this kernel, and asks it over netlink whether it
 * answers. Loading what is loaded changes nothing; another version is replaced. Throws an MpuError; a
 * module that was loaded and does not answer is taken out again; one that cannot intercept stays.
 */
export async function loadModule(host: Host, options: LoadOptions = {}): Promise<LoadResult> {
  const result = await load(host, options);
  if (options.intercept !== true) return result;
  const query = options.query ?? queryModule;
  await switchIntercept(host, true, query);
  return { ...result, module: (await query()) ?? result.module };
}

async function load(host: Host, options: LoadOptions): Promise<LoadResult> {
  const what = 'cannot load mpu.ko';
  const query = options.query ?? queryModule;
  if (!host.isRunningKernel) {
    throw usageError(
      what,
      `a module is loaded into the kernel that runs, ${host.running}, and this is for ${host.kernel}`,
      `mpu module install${host.flags}, then boot that kernel`,
    );
  }
  checkRelease(host);
  await checkLoadable(host);
  const version = await sourceVersion();
  const before = await loadedModule(host, query);
  if (before.owner === 'foreign') throw foreignModule(what);
  await refuseIfGoing(host, what);
  if (before.answer?.version === version) return { outcome: 'unchanged', kernel: host.kernel, module: before.answer };
  await checkMayLoad(host, what, 'load');

  // Before it is loaded, so that a module nobody can ask is not left behind.
  await query();
  const file = await moduleToLoad(host, version, options);
  throwIfInterrupted(options.signal);
  if (before.owner === 'mpu') {
    await drainIntercept(host, 'cannot take the loaded mpu.ko out', query);
    await remove('cannot take the loaded mpu.ko out');
  }
  options.onProgress?.(`loading ${file.path}`);
  const result = await runProgram('insmod', [file.path], what);
  if (result.status !== 0) throw await explainInsmod(host, result, file);
  const module = await query();
  if (module?.version === version) {
    return { outcome: before.owner === 'mpu' ? 'replaced' : 'loaded', kernel: host.kernel, path: file.path, module };
  }
  await remove('cannot take mpu.ko out again');
  throw new MpuError({
    code: 'module-silent',
    what,
    why:
      module === undefined
        ? 'it was loaded and did not answer over netlink, so it was unloaded again'
        : `the module that answers is version ${module.version}`,
    next: 'look for its line in dmesg, then: mpu module build, mpu module load',
  });
}

/** Takes mpu.ko out of the running kernel; nothing to do when it is not loaded. Throws an MpuError. */
export async function unloadModule(host: Host, options: Pick<LoadOptions, 'query'> = {}): Promise<UnloadResult> {
  const what = 'cannot unload mpu.ko';
  const before = await loadedModule(host, options.query);
  if (before.owner === 'foreign') throw foreignModule(what);
  if (before.owner === 'none') return { outcome: 'unchanged', kernel: host.running };
  await refuseIfGoing(host, what);
  await checkMayLoad(host, what, 'unload');
  await drainIntercept(host, what, options.query);
  await remove(what);
  return { outcome: 'unloaded', kernel: host.running };
}
