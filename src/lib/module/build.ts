// SPDX-License-Identifier: GPL-2.0-only
/** Building mpu.ko: in a directory of its own, kept in a cache until its sources or the kernel change. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { cpus, homedir } from 'node:os';
import { join } from 'node:path';
import { publish, withLock, withScratch } from '../system/download-cache.js';
import { MpuError, fileError, throwIfInterrupted } from '../errors.js';
import type { Host } from '../system/host.js';
import { readIfPresent } from '../system/regular-file.js';
import { chooseCompiler, kernelBuild, unsupported, type KernelBuild } from './kernel-build.js';
import { readModuleFile, type ModuleFile } from './module-file.js';
import { lastLines, runProgram } from '../system/program.js';
import { signModule, type SigningKey } from './sign.js';
import { copySources, sourceDigest, sourceVersion } from './source.js';
import { makeDirectory } from '../system/make-directory.js';

/** How to build; everything is optional. */
export interface BuildOptions {
  /** Compiler to use instead of the one that made the kernel. */
  compiler?: string | undefined;
  /** Sign the module with it. */
  key?: SigningKey | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((line: string) => void) | undefined;
}

/** A module that was built. */
export interface BuiltModule extends ModuleFile {
  /** The headers it was built with. */
  headers: string;
}

/** Where built modules are kept: `<directory>/<release>/mpu.ko`. */
export function cacheDirectory(host: Host): string {
  if (process.getuid?.() === 0 || !host.isThisSystem) return host.path('/var/cache/mpu');
  const home = process.env.XDG_CACHE_HOME ?? '';
  return join(home === '' ? join(homedir(), '.cache') : home, 'mpu');
}

/** Differs whenever another module would come out. */
async function fingerprint(build: KernelBuild, compiler: string | undefined): Promise<string> {
  const hash = createHash('sha256').update(`${await sourceDigest()}\0${compiler ?? ''}\0`);
  for (const name of ['include/config/auto.conf', 'Module.symvers', 'include/generated/compile.h']) {
    hash.update((await readIfPresent(join(build.directory, name))) ?? '').update('\0');
  }
  return hash.digest('hex');
}

/**
 * The make variables that point to the headers. Debian's name each other by the absolute paths that
 * they have on their own system; seen from another root, a Makefile with the right ones stands in.
 */
async function headerVariables(host: Host, build: KernelBuild, scratch: string, source: string): Promise<string[]> {
  const makefile = await readFile(join(build.directory, 'Makefile'), 'utf8');
  const absolute = /(^|[ =])\/usr\/src\//gm;
  if (host.isThisSystem || !absolute.test(makefile)) return [`KDIR=${build.directory}`];
  const standIn = join(scratch, 'headers');
  await mkdir(standIn);
  await writeFile(join(standIn, 'Makefile'), makefile.replace(absolute, `$1${await host.resolve('/usr/src')}/`));
  // MO: where kernels from 6.13 on put the objects.
  return [`KDIR=${standIn}`, `KBUILD_OUTPUT=${build.directory}`, `MO=${source}`];
}

async function make(host: Host, build: KernelBuild, scratch: string, options: BuildOptions): Promise<string> {
  const what = `cannot build mpu.ko for kernel ${host.kernel}`;
  const source = join(scratch, 'source');
  const compiler = await chooseCompiler(host, build, options.compiler);
  await copySources(source);
  const args = [
    '-C',
    source,
    `-j${Math.min(cpus().length, 4)}`,
    `KVER=${host.kernel}`,
    ...(await headerVariables(host, build, scratch, source)),
    ...compiler.variables,
    // BTF of modules needs pahole, and nothing here needs BTF.
    'CONFIG_DEBUG_INFO_BTF_MODULES=',
    'modules',
  ];
  options.onProgress?.(`building mpu.ko for ${host.kernel} with ${compiler.program}`);
  // A make that runs mpu must not hand its own flags down.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !['MAKEFLAGS', 'MAKELEVEL', 'ARCH', 'CROSS_COMPILE'].includes(name)),
  );
  const result = await runProgram('make', args, what, { signal: options.signal, env });
  throwIfInterrupted(options.signal);
  if (result.status === 0) return join(source, 'mpu.ko');
  const [, tooOld] = /\*\*\* mpu: (Linux \S+ is older than .*?)\. {2}Stop\.$/m.exec(result.stderr) ?? [];
  if (tooOld !== undefined) throw unsupported(host, tooOld);
  const errors = result.stderr.split('\n').filter((line) => /error|\*\*\*|No such file/i.test(line));
  throw new MpuError({
    code: 'build-failed',
    what,
    why: errors.slice(0, 3).join('; ') || lastLines(result),
    next: `check that the headers in ${build.directory} are complete; the whole output: make ${args.slice(2).join(' ')}, in a copy of kernel/`,
  });
}

/** Builds the module afresh and puts it into the cache. Throws an MpuError; then the cache is as before. */
export async function buildModule(host: Host, options: BuildOptions = {}): Promise<BuiltModule> {
  const build = await kernelBuild(host);
  const cache = cacheDirectory(host);
  try {
    await makeDirectory(cache);
    return await withLock(join(cache, 'lock'), () =>
      withScratch(cache, async (scratch) => {
        const finished = join(scratch, 'finished');
        await mkdir(finished);
        await rename(await make(host, build, scratch, options), join(finished, 'mpu.ko'));
        if (options.key !== undefined) await signModule(host, join(finished, 'mpu.ko'), options.key);
        const built = await readModuleFile(join(finished, 'mpu.ko'));
        if (built.kernel !== host.kernel) throw wrongKernel(host, build, built);
        await writeFile(join(finished, 'fingerprint'), await fingerprint(build, options.compiler));
        throwIfInterrupted(options.signal);
        const directory = join(cache, host.kernel);
        await publish(finished, directory);
        return { ...built, path: join(directory, 'mpu.ko'), headers: build.directory };
      }),
    );
  } catch (error) {
    throw fileError(error, `cannot build mpu.ko for kernel ${host.kernel}`);
  }
}

function wrongKernel(host: Host, build: KernelBuild, built: ModuleFile): MpuError {
  return new MpuError({
    code: 'headers-differ',
    what: `cannot build mpu.ko for kernel ${host.kernel}`,
    why: `the headers in ${build.directory} are those of ${built.kernel ?? 'another kernel'}`,
    next: `install the headers of ${host.kernel} itself`,
  });
}

/** A module in the cache that a build would give again, and that is signed when that is asked for. */
export async function cachedModule(host: Host, options: BuildOptions = {}): Promise<BuiltModule | undefined> {
  const directory = join(cacheDirectory(host), host.kernel);
  const known = await readIfPresent(join(directory, 'fingerprint'));
  // With a key, what is there may have been signed by another one.
  if (known === undefined || options.key !== undefined) return undefined;
  const build = await kernelBuild(host);
  if (known !== (await fingerprint(build, options.compiler))) return undefined;
  const file = await readModuleFile(join(directory, 'mpu.ko'));
  return file.version === (await sourceVersion()) ? { ...file, headers: build.directory } : undefined;
}

/** The module for the kernel: from the cache, else built. */
export async function builtModule(host: Host, options: BuildOptions = {}): Promise<BuiltModule> {
  return (await cachedModule(host, options)) ?? buildModule(host, options);
}
