// SPDX-License-Identifier: GPL-2.0-only
/** The guest of test/guest/cases/intercept.c: mpu.ko, simulated drivers, a live patch and observers. */
import { execFile } from 'node:child_process';
import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { publish, withLock, withScratch } from '#mpu/lib/system/download-cache.js';
import { packageRoot } from '#mpu/lib/package/root.js';
import { buildInitramfs, buildModule, compile, ownDirectory, type ModuleSource } from './build.js';
import { kernelCache, RECENT, unpackPackages, type Architecture, type Kernel } from './kernels.js';
import { buildDrivers } from './nvidia-driver.js';

const run = promisify(execFile);

const LIVEPATCH: ModuleSource = { name: 'livepatch_nvidia', directories: { '.': 'test/guest/modules/livepatch' } };
const OBSERVER = join(packageRoot, 'test', 'guest', 'modules', 'observer', 'observer.c');
const WARNINGS = ['-std=c11', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-Werror', '-static'];
/** libmpu.so's sources: linked in, its ioctl takes the place of libc's, as it does when preloaded. */
const LIBMPU = ['preload', 'kernel/rm'];

/** Paths of the C files in directories of this repository. */
async function sourcesIn(directories: string[]): Promise<string[]> {
  const lists = directories.map(async (directory) => {
    const names = await readdir(join(packageRoot, directory));
    return names.filter((name) => name.endsWith('.c')).map((name) => join(packageRoot, directory, name));
  });
  return (await Promise.all(lists)).flat();
}

/** What the 32-bit programs of each architecture are compiled for. */
const NARROW: Record<Architecture, string[]> = {
  x86_64: ['--target=i686-linux-gnu'],
  aarch64: ['--target=armv7a-linux-gnueabi', '-mcpu=cortex-a15'],
};

/** musl for aarch64, of which this system has only the compiler: Debian's package, unpacked. */
async function muslOfAarch64(): Promise<string> {
  const place = join(kernelCache, 'musl-aarch64');
  await withLock(join(kernelCache, 'lock'), async () => {
    if (
      await access(place).then(
        () => true,
        () => false,
      )
    )
      return;
    await withScratch(kernelCache, async (scratch) => {
      const unpacked = join(scratch, 'musl');
      await unpackPackages(RECENT, ['musl-dev'], 'aarch64', unpacked);
      await publish(unpacked, place);
    });
  });
  return place;
}

/** Compiles the observer with musl. */
async function compileWithMusl(architecture: Architecture, output: string): Promise<void> {
  if (architecture === 'x86_64') {
    await run('musl-gcc', [...WARNINGS, '-o', output, OBSERVER]);
    return;
  }
  const musl = await muslOfAarch64();
  const library = (name: string): string => join(musl, 'usr', 'lib', 'aarch64-linux-musl', name);
  await run('aarch64-linux-gnu-gcc', [
    ...WARNINGS,
    ...['-nostdinc', '-isystem', join(musl, 'usr', 'include', 'aarch64-linux-musl'), '-nostdlib', '-o', output],
    ...[library('crt1.o'), library('crti.o'), OBSERVER, library('libc.a'), '-lgcc', library('crtn.o')],
  ]);
}

/** The observer, in every way that it is built; paths by their names in the guest. */
async function buildObservers(architecture: Architecture, directory: string): Promise<Record<string, string>> {
  const path = (name: string): string => join(directory, name);
  await compile(architecture, [OBSERVER], path('observer'), []);
  await compile(architecture, [OBSERVER, ...(await sourcesIn(LIBMPU))], path('observer-mpu'), ['-I', packageRoot]);
  await compile(architecture, [OBSERVER], path('observer-raw'), ['-DOS_RAW_IOCTL']);
  await compileWithMusl(architecture, path('observer-musl'));
  // There is no 32-bit libgcc here; the program does without a libc.
  const freestanding = ['-ffreestanding', '-nostdlib', '-fuse-ld=lld', '-fno-stack-protector'];
  await run('clang', [...NARROW[architecture], ...freestanding, ...WARNINGS, '-o', path('observer-32'), OBSERVER]);
  const names = ['observer', 'observer-mpu', 'observer-raw', 'observer-musl', 'observer-32'];
  return Object.fromEntries(names.map((name) => [name, path(name)]));
}

/** Not on arm64 before 6.17. */
async function hasLivePatches({ headers }: Kernel): Promise<boolean> {
  return /^CONFIG_LIVEPATCH=y$/m.test(await readFile(join(headers, '.config'), 'utf8'));
}

/** What a guest needs for interception beside mpu.ko. */
export interface InterceptionFiles {
  /** Paths by their names in the guest. */
  files: Record<string, string>;
  /** Complaints of the builds, mpu.ko's among them. */
  warnings: string[];
}

/** Builds drivers, a live patch and observers. */
export async function buildInterception(kernel: Kernel): Promise<InterceptionFiles> {
  const module = await buildModule(kernel);
  const drivers = await buildDrivers(kernel);
  const livepatch = (await hasLivePatches(kernel)) ? await buildModule(kernel, [], LIVEPATCH) : undefined;
  const directory = await ownDirectory(join(packageRoot, 'build', 'guest', kernel.release));
  return {
    files: {
      ...drivers.files,
      ...(livepatch === undefined ? {} : { 'livepatch_nvidia.ko': livepatch.path }),
      ...(await buildObservers(kernel.architecture, directory)),
    },
    warnings: [...module.warnings, ...drivers.warnings, ...(livepatch?.warnings ?? [])],
  };
}

/** Builds the initramfs of a guest for interception alone. */
export async function interceptionInitramfs(
  kernel: Kernel,
  further: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { files } = await buildInterception(kernel);
  return buildInitramfs(kernel, (await buildModule(kernel)).path, { ...files, ...further });
}
