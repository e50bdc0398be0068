// SPDX-License-Identifier: GPL-2.0-only
/** A kernel with every checker, built from Debian's sources and kept in `.cache/kernels/debug` (1.5 GB). */
import { execFile } from 'node:child_process';
import { copyFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withLock } from '#mpu/lib/system/download-cache.js';
import { packageRoot } from '#mpu/lib/package/root.js';
import { kernelCache, unpackPackages, type Kernel } from './kernels.js';

const run = promisify(execFile);

const SERIES = '6.12';
const SUITES = [['bookworm-security'], ['trixie', 'trixie-security']];
const CONFIG = join(packageRoot, 'test', 'guest', 'harness', 'debug.config');
const place = join(kernelCache, 'debug');
const MAX_OUTPUT = 64 << 20;

async function make(directory: string, ...targets: string[]): Promise<void> {
  const jobs = `-j${availableParallelism()}`;
  await run('make', ['-s', jobs, ...targets], {
    cwd: directory,
    maxBuffer: MAX_OUTPUT,
    env: { ...process.env, LC_ALL: 'C' },
  });
}

async function configure(tree: string): Promise<void> {
  await make(tree, 'tinyconfig');
  await run('scripts/kconfig/merge_config.sh', ['-m', '.config', CONFIG], { cwd: tree, maxBuffer: MAX_OUTPUT });
  await make(tree, 'olddefconfig');
  const taken = await readFile(join(tree, '.config'), 'utf8');
  const wanted = (await readFile(CONFIG, 'utf8')).split('\n').filter((line) => /^(CONFIG_|# CONFIG_)/.test(line));
  const refused = wanted.filter((line) => !taken.includes(`\n${line}\n`));
  if (refused.length > 0) throw new Error(`the kernel's configuration lacks ${refused.join(', ')}`);
}

async function build(): Promise<void> {
  const tree = join(place, 'linux');
  await rm(place, { recursive: true, force: true });
  await unpackPackages(SUITES, [`linux-source-${SERIES}`], 'x86_64', place);
  await run('tar', ['-xJf', join(place, 'usr', 'src', `linux-source-${SERIES}.tar.xz`), '-C', place]);
  await rm(join(place, 'usr'), { recursive: true });
  await rename(join(place, `linux-source-${SERIES}`), tree);
  await configure(tree);
  await make(tree, 'bzImage', 'modules_prepare');
  // No module of its own is built, so that what the kernel exports is everything.
  await copyFile(join(tree, 'vmlinux.symvers'), join(tree, 'Module.symvers'));
  await writeFile(join(place, 'config'), await readFile(CONFIG));
}

/** The debug kernel, built unless it is there with today's configuration; that takes ten minutes or more. */
export async function debugKernel(): Promise<Kernel> {
  const config = await readFile(CONFIG, 'utf8');
  await withLock(join(kernelCache, 'debug.lock'), async () => {
    if ((await readFile(join(place, 'config'), 'utf8').catch(() => '')) !== config) await build();
  });
  const headers = join(place, 'linux');
  const release = (await readFile(join(headers, 'include', 'config', 'kernel.release'), 'utf8')).trim();
  return { release, architecture: 'x86_64', image: join(headers, 'arch', 'x86', 'boot', 'bzImage'), headers };
}
