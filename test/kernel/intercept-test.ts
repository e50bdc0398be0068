// SPDX-License-Identifier: GPL-2.0-only
/** Interception on one kernel: mpu.ko and the simulated nvidia.ko in a guest (test/qemu/guest/cases-intercept.c). */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { packageRoot } from '#mpu/lib/package-root.js';
import { lacking } from '../lib/engines.js';
import { buildInitramfs, buildModule, compile, type ModuleSource } from '../qemu/build.js';
import { runGuest } from '../qemu/guest.js';
import { kernelOf, type Kernel, type Series } from '../qemu/kernels.js';
import { buildDriver } from './nvidia-driver.js';

const run = promisify(execFile);

/** Fewer cases than this and the guest's list has been cut by mistake. */
const FEWEST_CASES = 11;
/** How often interception is switched, and the module loaded, under load; MPU_TEST_ROUNDS for more. */
const ROUNDS = Number(process.env.MPU_TEST_ROUNDS ?? 20);
/** Milliseconds for one kernel, a slow download included. */
const LIMIT = 1_500_000;
/** Seconds for the guest. */
const GUEST_S = 1_200;

const LIVEPATCH: ModuleSource = { name: 'livepatch_nvidia', directories: { '.': 'test/kernel/livepatch' } };
const OBSERVER = join(packageRoot, 'test', 'kernel', 'observer', 'observer.c');
const WARNINGS = ['-std=c11', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-Werror', '-static'];
/** libmpu.so's sources: linked in, its ioctl takes the place of libc's, as it does when preloaded. */
const LIBMPU = ['debug', 'driver', 'environment', 'interception', 'ioctl', 'netlink', 'nsfs', 'resolve', 'sys'];
const CORE = ['control', 'layouts', 'question', 'regime', 'release', 'rewrite'];

/** The observer, in every way that it is built; paths by their names in the guest. */
async function buildObservers(directory: string): Promise<Record<string, string>> {
  const path = (name: string): string => join(directory, name);
  const inRepository = (folder: string, names: string[]): string[] => names.map((name) => join(packageRoot, folder, `${name}.c`));
  await mkdir(directory, { recursive: true });
  await compile('x86_64', [OBSERVER], path('observer'), []);
  await compile(
    'x86_64',
    [OBSERVER, ...inRepository('preload', LIBMPU), ...inRepository('kernel/rm', CORE)],
    path('observer-mpu'),
    ['-I', packageRoot],
  );
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
    ...(await buildObservers(join(packageRoot, 'build', 'qemu', kernel.release, 'observers'))),
  });
  return { initramfs, warnings: [module, livepatch, frontend, unlocked].flatMap(({ warnings }) => warnings) };
}

/** Defines and runs the test of a kernel. Downloads the kernel when it is not in the cache. */
export async function testInterception(series: Series): Promise<void> {
  const skip = await lacking(['qemu-system-x86_64', 'make', 'gcc', 'clang', 'musl-gcc', 'setpriv']);
  t.setTimeout(LIMIT);
  await t.test(`interception on Linux ${series}`, { skip, timeout: LIMIT }, async (test) => {
    const kernel = await kernelOf(series);
    const { initramfs, warnings } = await buildInterception(kernel);
    test.same(warnings, [], `builds without warnings for ${kernel.release}`);
    const result = await runGuest(kernel, initramfs, { mode: 'intercept', argument: ROUNDS, timeout: GUEST_S });
    for (const { name, ok } of result.cases) test.ok(ok, name);
    test.ok(result.cases.length >= FEWEST_CASES, 'the guest ran all its cases');
    if (!test.ok(result.finished, 'the guest ended by its own will')) test.comment(result.ending);
  });
}
