// SPDX-License-Identifier: GPL-2.0-only
/** Installing mpu.ko by DKMS. */
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MpuError, throwIfInterrupted } from '../errors.js';
import { configureBoot } from './boot-files.js';
import type { Dkms, DkmsEntry } from './dkms.js';
import type { Host } from '../system/host.js';
import type { InstallResult, SkippedKernel, InstallOptions } from './install-types.js';
import { ownModules, removeModules, runDepmod } from './modules-directory.js';
import { checkRelease, findHeaders, kernelBuild } from './kernel-build.js';
import { installedModules, kernelReleases } from './module-file.js';
import { checkNotPackaged } from './packaged.js';
import { copySources, sourceVersion } from './source.js';
import { changeSystem, keepPaths, type RollbackSteps } from '../system/rollback.js';

/** What is to be done about what DKMS has. */
interface Plan {
  version: string;
  /** Other versions, which this one replaces. */
  replaced: string[];
  /** DKMS has this version. */
  known: boolean;
  /** Its sources are others than these. */
  newSources: boolean;
  /** Nothing is to be done. */
  done: boolean;
  /** Where the sources of this version go. */
  sourceDirectory: string;
  /** The kernel that was asked for, then the others. */
  kernels: string[];
}

/** Every file of a directory with its content; undefined when it is not there. */
async function contents(directory: string): Promise<string | undefined> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => undefined);
  if (names === undefined) return undefined;
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const parts = await Promise.all(
    files.sort().map(async (path) => `${path.slice(directory.length)}\0${await readFile(path, 'latin1')}`),
  );
  return parts.join('\0');
}

/** Whether DKMS can build for a kernel. */
async function isBuildable(host: Host): Promise<boolean> {
  try {
    checkRelease(host);
  } catch {
    return false;
  }
  return (await findHeaders(host)) !== undefined;
}

/** The kernels that must not be without the module after this one: all that have it, at first all that can. */
async function otherKernels(host: Host, before: readonly DkmsEntry[]): Promise<string[]> {
  const had = new Set([
    ...before.map(({ kernel }) => kernel),
    ...(await ownModules(host)).map(({ release }) => release),
  ]);
  const others: string[] = [];
  for (const kernel of await kernelReleases(host)) {
    if (kernel === host.kernel) continue;
    if (had.has(kernel) || (before.length === 0 && (await isBuildable(host.forKernel(kernel))))) others.push(kernel);
  }
  return others;
}

async function makePlan(host: Host, before: readonly DkmsEntry[], fresh: string): Promise<Plan> {
  const version = await sourceVersion();
  const sourceDirectory = join(await host.resolve('/usr/src'), `mpu-${version}`);
  const own = before.filter((entry) => entry.version === version);
  const replaced = [...new Set(before.map((entry) => entry.version))].filter((other) => other !== version);
  const known = own.length > 0;
  const newSources = (await contents(sourceDirectory)) !== (await contents(fresh));
  const isInstalled = own.some(({ kernel, state }) => kernel === host.kernel && state === 'installed');
  const others = !known || newSources ? await otherKernels(host, before) : [];
  return {
    version,
    replaced,
    known,
    newSources,
    done: isInstalled && !newSources && replaced.length === 0,
    sourceDirectory,
    kernels: [host.kernel, ...others],
  };
}

/** Puts aside all that DKMS and this program may change. The rollback begins with what DKMS cleans up itself. */
async function keepAll(
  host: Host,
  dkms: Dkms,
  { version, replaced, known, newSources, sourceDirectory, kernels }: Plan,
  scratch: string,
  rollback: RollbackSteps,
): Promise<void> {
  const sources = await Promise.all(replaced.map((old) => host.resolve(`/usr/src/mpu-${old}`)));
  const modules = (await ownModules(host)).map(({ path }) => path);
  for (const kernel of kernels) rollback.push(() => runDepmod(host, kernel));
  await keepPaths(scratch, [await dkms.directory(), sourceDirectory, ...sources, ...modules], rollback);
  rollback.push(async () => {
    for (const kernel of kernels) await removeModules(host, kernel);
  });
  rollback.push(() => (known && !newSources ? dkms.remove(version, host.kernel) : dkms.remove(version)));
}

/** Builds for every kernel; those that were not asked for may be left out. Returns the kernels that can be installed for. */
async function buildAll(
  host: Host,
  dkms: Dkms,
  { version, kernels }: Plan,
  options: InstallOptions,
  skipped: SkippedKernel[],
): Promise<string[]> {
  const built: string[] = [];
  for (const kernel of kernels) {
    throwIfInterrupted(options.signal);
    options.onProgress?.(`building mpu.ko for ${kernel} with DKMS`);
    try {
      await dkms.build(version, kernel, options.signal);
      built.push(kernel);
    } catch (error) {
      if (kernel === host.kernel || !(error instanceof MpuError) || error.code !== 'dkms-failed') throw error;
      skipped.push({ kernel, why: error.why });
    }
  }
  return built;
}

/** Registers, builds and installs. Returns the kernels that have got it. */
async function carryOut(
  host: Host,
  dkms: Dkms,
  plan: Plan,
  fresh: string,
  options: InstallOptions,
  skipped: SkippedKernel[],
): Promise<string[]> {
  const { version, known, newSources, sourceDirectory, replaced } = plan;
  if (newSources) {
    await rm(sourceDirectory, { recursive: true, force: true });
    await rename(fresh, sourceDirectory);
    // What was built of other sources under the same version is of no use any more.
    if (known) await dkms.remove(version);
  }
  if (newSources || !known) await dkms.add(version);
  const built = await buildAll(host, dkms, plan, options, skipped);
  for (const old of replaced) {
    await dkms.remove(old);
    await rm(await host.resolve(`/usr/src/mpu-${old}`), { recursive: true, force: true });
  }
  for (const kernel of built) {
    throwIfInterrupted(options.signal);
    // What is left was installed as a file, and would keep DKMS from installing its own.
    await removeModules(host, kernel);
    await dkms.install(version, kernel, options.signal);
  }
  return built;
}

/** Installs the module by DKMS, in place of files from before. Called by installModule(). */
export async function installByDkms(host: Host, dkms: Dkms, options: InstallOptions): Promise<InstallResult> {
  // DKMS says less about missing headers.
  await kernelBuild(host);
  const skipped: SkippedKernel[] = [];
  const before = await dkms.status();
  return changeSystem(await host.resolve('/usr/src'), async (rollback, scratch) => {
    const fresh = join(scratch, 'new');
    await mkdir(fresh);
    await copySources(fresh);
    const plan = await makePlan(host, before, fresh);
    let others: string[] = [];
    if (!plan.done) {
      const touched = plan.newSources ? [...plan.replaced, plan.version] : plan.replaced;
      await checkNotPackaged(host, `cannot install mpu.ko for kernel ${host.kernel}`, touched);
      await keepAll(host, dkms, plan, scratch, rollback);
      others = (await carryOut(host, dkms, plan, fresh, options, skipped)).filter((kernel) => kernel !== host.kernel);
    }
    throwIfInterrupted(options.signal);
    const configured = await configureBoot(host, options.intercept, rollback);
    const file = (await installedModules(host, host.kernel)).find((module) => module.ours);
    if (file === undefined) {
      throw new MpuError({
        code: 'dkms-failed',
        what: 'cannot find the module that DKMS installed',
        why: `there is none below ${host.path(`/lib/modules/${host.kernel}`)}`,
        next: 'dkms status mpu',
      });
    }
    return {
      outcome: configured || !plan.done ? 'installed' : 'unchanged',
      method: 'dkms',
      kernel: host.kernel,
      version: plan.version,
      path: file.path,
      signed: file.signed,
      alsoFor: others,
      skipped,
    };
  });
}
