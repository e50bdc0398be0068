// SPDX-License-Identifier: GPL-2.0-only
/** The guest of test/qemu/guest/cases-intercept.c: mpu.ko, simulated drivers, a live patch and observers. */
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '#mpu/lib/package-root.js';
import { buildInitramfs, buildModule, compile, ownDirectory, type ModuleSource } from '../qemu/build.js';
import type { Kernel } from '../qemu/kernels.js';
import { buildDriver } from './nvidia-driver.js';

const run = promisify(execFile);

const LIVEPATCH: ModuleSource = { name: 'livepatch_nvidia', directories: { '.': 'test/kernel/livepatch' } };
const OBSERVER = join(packageRoot, 'test', 'kernel', 'observer', 'observer.c');
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

/** The observer, in every way that it is built; paths by their names in the guest. */
async function buildObservers(directory: string): Promise<Record<string, string>> {
  const path = (name: string): string => join(directory, name);
  await compile('x86_64', [OBSERVER], path('observer'), []);
  await compile('x86_64', [OBSERVER, ...(await sourcesIn(LIBMPU))], path('observer-mpu'), ['-I', packageRoot]);
  await run('musl-gcc', [...WARNINGS, '-o', path('observer-musl'), OBSERVER]);
  // There is no 32-bit libgcc here; the program does without a libc.
  const freestanding = ['-ffreestanding', '-nostdlib', '-fuse-ld=lld', '-fno-stack-protector'];
  await run('clang', ['--target=i686-linux-gnu', ...freestanding, ...WARNINGS, '-o', path('observer-32'), OBSERVER]);
  const names = ['observer', 'observer-mpu', 'observer-musl', 'observer-32'];
  return Object.fromEntries(names.map((name) => [name, path(name)]));
}

/** What the guest needs for interception; returns its initramfs and what the builds complained about. */
export async function buildInterception(
  kernel: Kernel,
  further: Readonly<Record<string, string>> = {},
): Promise<{ initramfs: string; warnings: string[] }> {
  const module = await buildModule(kernel);
  const livepatch = await buildModule(kernel, [], LIVEPATCH);
  const frontend = await buildDriver(kernel, 'frontend');
  const unlocked = await buildDriver(kernel, 'unlocked');
  const initramfs = await buildInitramfs(kernel, module.path, {
    'nvidia-frontend.ko': frontend.path,
    'nvidia-unlocked.ko': unlocked.path,
    'livepatch_nvidia.ko': livepatch.path,
    ...further,
    ...(await buildObservers(await ownDirectory(join(packageRoot, 'build', 'qemu', kernel.release)))),
  });
  return { initramfs, warnings: [module, livepatch, frontend, unlocked].flatMap(({ warnings }) => warnings) };
}
