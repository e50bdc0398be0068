// SPDX-License-Identifier: GPL-2.0-only
/** The npm tarball, and small systems to install it on. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { publish, withLock, withScratch } from '#mpu/lib/system/download-cache.js';
import { check, checkout } from '../support/mpu.js';

const execute = promisify(execFile);

/** A directory of a test's own under /tmp; the caller removes it. */
export async function scratchDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'mpu-packaging-'));
}

/** What goes into the tarball: files of the checkout and what has been built of them. */
const PACKED = [
  ...[
    'package.json',
    'package-lock.json',
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
    '.npmrc',
    'dist',
    'docs',
    'kernel',
    'client',
  ],
  ...['preload', 'src/native', 'packaging', 'build/preload', 'build/client', 'build/man', 'build/completion'],
];

/** Returns a name that changes with anything that goes into the tarball. */
async function fingerprint(): Promise<string> {
  const hash = createHash('sha256');
  for (const part of PACKED) {
    const list = await check('find', [part, '-type', 'f', '-printf', '%p %s %T@\n'], { cwd: checkout });
    hash.update(list.split('\n').sort().join('\n'));
  }
  return hash.digest('hex').slice(0, 16);
}

async function pack(directory: string): Promise<void> {
  const log = { maxBuffer: 1 << 26 };
  await execute(join(checkout, 'packaging', 'prebuild-addon'), [], log);
  // The rest of prepack has been done: the tests run on what it builds.
  await execute('npm', ['pack', '--ignore-scripts', '--pack-destination', directory], { ...log, cwd: checkout });
}

/**
 * Packs the checkout as `npm pack` does, with the addon for every system, and puts a copy into a directory. The first test that
 * wants the tarball packs it; the others wait for that one. Returns the copy's path.
 */
export async function packTarball(directory: string): Promise<string> {
  const shared = join(checkout, 'build', 'tarball');
  return withLock(join(shared, 'lock'), async () => {
    const place = join(shared, await fingerprint());
    const find = async (): Promise<string | undefined> =>
      (await readdir(place).catch((): string[] => [])).find((entry) => /^mpu-.*\.tgz$/.test(entry));
    if ((await find()) === undefined) {
      await withScratch(shared, async (scratch) => {
        for (const old of await readdir(shared)) {
          if (/^[0-9a-f]{16}$/.test(old)) await removeDirectory(join(shared, old));
        }
        const finished = join(scratch, 'finished');
        await mkdir(finished);
        await pack(finished);
        await publish(finished, place);
      });
    }
    const name = await find();
    if (name === undefined) throw new Error('npm pack left no tarball');
    await cp(join(place, name), join(directory, name));
    return join(directory, name);
  });
}

/** A root out of `image`, an archive of test/lib/base-image.ts, with this machine's Node.js and npm. */
export async function nodeRoot(root: string, image: string): Promise<void> {
  await mkdir(root);
  await check('tar', ['-xf', image, '-C', root]);
  const libraries = [...(await check('ldd', [process.execPath])).matchAll(/(\/\S+) \(0x/g)].map(
    ([, path = '']) => path,
  );
  for (const file of libraries) {
    await mkdir(join(root, dirname(file)), { recursive: true });
    await cp(await realpath(file), join(root, file), { force: true });
  }
  await cp(await realpath(process.execPath), join(root, 'usr/bin/node'));
  const npm = dirname(dirname(await realpath((await check('sh', ['-c', 'command -v npm'])).trim())));
  await cp(npm, join(root, 'usr/lib/node_modules/npm'), { recursive: true, dereference: true });
  await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/bin/npm'));
}

/** Runs a shell command in a root, with no network. Rejects with what it said unless it exits 0. */
export async function inRoot(root: string, command: string): Promise<string> {
  const script =
    'mount -t proc proc "$0/proc"; exec chroot "$0" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root sh -euc "$1"';
  return check('unshare', ['--net', '--mount', '--pid', '--fork', 'sh', '-euc', script, root, command]);
}

/** Removes a root and whatever lies in it. */
export async function removeDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}
