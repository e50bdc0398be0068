// SPDX-License-Identifier: GPL-2.0-only
/** Making mpu.ko part of a system: for one kernel by a file, for all to come by DKMS. */
import { mkdir, mkdtemp, readdir, readFile, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ExitCode, MpuError, fileError, throwIfInterrupted } from '../errors.js';
import { builtModule, placeFile, type BuildOptions } from './build.js';
import { Dkms } from './dkms.js';
import { readIfPresent, type Host } from './host.js';
import { checkRelease, kernelBuild } from './kernel-build.js';
import { installedModules } from './module-file.js';
import { lastLines, runProgram } from './program.js';
import { copySources, sourceVersion } from './source.js';
import { undoOnFailure } from './undo.js';

/** How to install; everything is optional. */
export interface InstallOptions extends BuildOptions {
  /** Use DKMS: when it is there (default), or never. */
  dkms?: boolean;
  /** Intercept at every boot, or not any more. Left as it is when not given. */
  intercept?: boolean;
}

/** What became of a request to install. */
export interface InstallResult {
  outcome: 'installed' | 'unchanged';
  method: 'dkms' | 'file';
  kernel: string;
  version: string;
  /** The module's file. */
  path: string;
  signed: boolean;
}

/** systemd-modules-load(8) reads it at boot. */
export const BOOT_FILE = '/etc/modules-load.d/mpu.conf';
const BOOT_TEXT = '# Written by mpu module install.\nmpu\n';

/** modprobe(8) reads it when the module is loaded. */
export const OPTIONS_FILE = '/etc/modprobe.d/mpu.conf';
const OPTIONS_TEXT = '# Written by mpu module install --intercept.\noptions mpu intercept=1\n';

/** Brings modules.dep of a kernel up to date. */
export async function runDepmod(host: Host, kernel: string): Promise<void> {
  const what = `cannot update the list of modules of kernel ${kernel}`;
  const root = host.isThisSystem ? [] : ['-b', host.root];
  const result = await runProgram('depmod', [...root, kernel], what);
  if (result.status === 0) return;
  throw new MpuError({ code: 'depmod-failed', what, why: lastLines(result), next: `run it yourself to see more: depmod ${[...root, kernel].join(' ')}` });
}

/** Steps that take changes back. */
interface UndoList {
  push: (step: () => Promise<void>) => void;
}

/** Makes the directory of a file; undone are only directories that were not there. */
async function makeParent(path: string, undo: UndoList): Promise<void> {
  const first = await mkdir(dirname(path), { recursive: true });
  if (first === undefined) return;
  undo.push(async () => {
    for (let at = dirname(path); at.length >= first.length; at = dirname(at)) await rmdir(at);
  });
}

/** Writes a file of configuration, or removes it where there is to be none. Returns whether anything changed. */
async function writeConfiguration(host: Host, file: string, text: string | undefined, undo: UndoList): Promise<boolean> {
  const path = await host.resolve(file);
  const before = await readIfPresent(path);
  if (before === text) return false;
  await makeParent(path, undo);
  const aside = `${path}.${process.pid}.tmp`;
  undo.push(async () => {
    if (before === undefined) await rm(path, { force: true });
    else await writeFile(path, before);
  });
  if (text === undefined) {
    await rm(path);
    return true;
  }
  try {
    await writeFile(aside, text);
    await rename(aside, path);
  } finally {
    await rm(aside, { force: true });
  }
  return true;
}

/** Lets the module be loaded at boot, with interception as asked for. Returns whether anything changed. */
async function configureBoot(host: Host, { intercept }: InstallOptions, undo: UndoList): Promise<boolean> {
  const options = intercept !== undefined && (await writeConfiguration(host, OPTIONS_FILE, intercept ? OPTIONS_TEXT : undefined, undo));
  return (await writeConfiguration(host, BOOT_FILE, BOOT_TEXT, undo)) || options;
}

async function checkKernelDirectory(host: Host): Promise<string> {
  const directory = await host.resolve(`/lib/modules/${host.kernel}`);
  if ((await stat(directory).catch(() => undefined))?.isDirectory() === true) return directory;
  throw new MpuError({
    code: 'no-such-kernel',
    what: `cannot install mpu.ko for kernel ${host.kernel}`,
    why: `${directory} does not exist: that kernel is not installed`,
    next: `install the kernel first, or name one of: ls ${host.path('/lib/modules')}`,
    exitCode: ExitCode.hostUnsupported,
  });
}

async function installFile(host: Host, options: InstallOptions): Promise<InstallResult> {
  const directory = await checkKernelDirectory(host);
  const built = await builtModule(host, options);
  const path = join(directory, 'extra', 'mpu.ko');
  const data = await readFile(built.path);
  const before = await readFile(path).catch(() => undefined);
  const same = before?.equals(data) === true;
  return undoOnFailure(async (undo) => {
    let changed = !same;
    if (!same) {
      await makeParent(path, undo);
      undo.push(async () => {
        if (before === undefined) await rm(path, { force: true });
        else await writeFile(path, before);
        await runDepmod(host, host.kernel);
      });
      await placeFile(built.path, path);
      throwIfInterrupted(options.signal);
      await runDepmod(host, host.kernel);
    }
    changed = (await configureBoot(host, options, undo)) || changed;
    throwIfInterrupted(options.signal);
    const { signed } = built;
    const version = await sourceVersion();
    return { outcome: changed ? 'installed' : 'unchanged', method: 'file', kernel: host.kernel, version, path, signed };
  });
}

/** Every file of a directory with its content; undefined when it is not there. */
async function snapshot(directory: string): Promise<string | undefined> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => undefined);
  if (names === undefined) return undefined;
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const parts = await Promise.all(files.sort().map(async (path) => `${path.slice(directory.length)}\0${await readFile(path, 'latin1')}`));
  return parts.join('\0');
}

/** Puts the sources where DKMS looks for them. Returns whether they differ from what was there. */
async function placeSources(host: Host, version: string, undo: UndoList): Promise<boolean> {
  const parent = await host.resolve('/usr/src');
  const place = join(parent, `mpu-${version}`);
  await mkdir(parent, { recursive: true });
  const aside = await mkdtemp(join(parent, '.mpu-'));
  try {
    const fresh = join(aside, 'new');
    await copySources(fresh);
    if ((await snapshot(place)) === (await snapshot(fresh))) return false;
    const old = join(aside, 'old');
    await rename(place, old).catch(() => undefined);
    await rename(fresh, place);
    undo.push(() => rm(place, { recursive: true, force: true }));
    return true;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function installByDkms(host: Host, dkms: Dkms, options: InstallOptions): Promise<InstallResult> {
  await checkKernelDirectory(host);
  // DKMS says less about missing headers.
  await kernelBuild(host);
  const version = await sourceVersion();
  const outcome = await undoOnFailure(async (undo): Promise<InstallResult['outcome']> => {
    const before = await dkms.status();
    const known = before.some((entry) => entry.version === version);
    const newSources = await placeSources(host, version, undo);
    const isInstalled = before.some((entry) => entry.version === version && entry.kernel === host.kernel && entry.state === 'installed');
    let changed = false;
    if (newSources || !isInstalled) {
      // What was built of other sources under the same version is of no use any more.
      if (known && newSources) await dkms.remove(version);
      if (!known || newSources) {
        undo.push(() => dkms.remove(version));
        await dkms.add(version);
      } else {
        undo.push(() => dkms.remove(version, host.kernel));
      }
      throwIfInterrupted(options.signal);
      options.onProgress?.(`building mpu.ko for ${host.kernel} with DKMS`);
      await dkms.install(version, host.kernel, options.signal);
      changed = true;
    }
    throwIfInterrupted(options.signal);
    changed = (await configureBoot(host, options, undo)) || changed;
    for (const old of new Set(before.map((entry) => entry.version).filter((other) => other !== version))) {
      await dkms.remove(old);
      await rm(await host.resolve(`/usr/src/mpu-${old}`), { recursive: true, force: true });
    }
    return changed ? 'installed' : 'unchanged';
  });
  const file = (await installedModules(host, host.kernel)).find((module) => module.ours);
  if (file === undefined) {
    throw new MpuError({ code: 'dkms-failed', what: 'cannot find the module that DKMS installed', why: `there is none below ${host.path(`/lib/modules/${host.kernel}`)}`, next: 'dkms status mpu' });
  }
  return { outcome, method: 'dkms', kernel: host.kernel, version, path: file.path, signed: file.signed };
}

/**
 * Installs the module for a kernel, to be loaded at every boot. With DKMS, later kernels get it when
 * they are installed. Throws an MpuError; then, as after an interrupt, the system is as before.
 */
export async function installModule(host: Host, options: InstallOptions = {}): Promise<InstallResult> {
  try {
    checkRelease(host);
    const dkms = options.dkms === false ? undefined : await Dkms.find(host);
    if (dkms === undefined) return await installFile(host, options);
    if (options.key !== undefined || options.compiler !== undefined) {
      throw new MpuError({
        code: 'usage',
        what: 'cannot install mpu.ko with DKMS',
        why: 'DKMS signs and compiles by its own settings, also at the next kernel update',
        next: 'set mok_signing_key and mok_certificate in /etc/dkms/framework.conf, or leave DKMS out: --no-dkms',
        exitCode: ExitCode.usage,
      });
    }
    return await installByDkms(host, dkms, options);
  } catch (error) {
    throw fileError(error, `cannot install mpu.ko for kernel ${host.kernel}`);
  }
}
