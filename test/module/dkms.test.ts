// SPDX-License-Identifier: GPL-2.0-only
/** `mpu module install` with the real DKMS, in a Debian of its own, over a kernel update. */
import { access, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { baseImage } from '../lib/base-image.js';
import { lacking } from '../lib/engines.js';
import { check, checkout, run, type Ended } from '../lib/mpu.js';

const CLI = join(checkout, 'dist', 'cli.js');
const skip = await lacking(['mmdebstrap', 'unshare', 'chroot', 'modinfo', 'depmod'], true);

/** Runs a program where the system in `root` has its /proc and /dev, as a host has. */
async function inside(root: string, ...command: string[]): Promise<Ended> {
  const script = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec "$@"';
  return run('unshare', ['--mount', 'sh', '-c', script, root, ...command], {
    env: { PATH: process.env.PATH, HOME: root, LC_ALL: 'C' },
  });
}

interface Document {
  ok: boolean;
  [field: string]: unknown;
}

await t.test('DKMS', { skip, timeout: 600_000 }, async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'mpu-dkms-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  await check('tar', ['-xf', await baseImage(['dkms', 'linux-headers-cloud-amd64']), '-C', root]);
  const mpu = async (...args: string[]): Promise<Document> => {
    const ended = await inside(root, process.execPath, CLI, 'module', ...args, '--root', root, '--json');
    t.equal(ended.stderr, '', `mpu module ${args.join(' ')}: one document and nothing else`);
    return JSON.parse(ended.stdout) as Document;
  };
  const exists = (path: string): Promise<boolean> => access(join(root, path)).then(() => true, () => false);
  const vermagic = async (path: string): Promise<string> => (await check('modinfo', ['-F', 'vermagic', path])).split(' ')[0] ?? '';

  const [release = ''] = await readdir(join(root, 'lib/modules'));
  const updated = release.replace(/-(\d+)-/, '-999-');
  const installed = await mpu('install', '--kernel', release);
  t.match(installed, { ok: true, outcome: 'installed', method: 'dkms', kernel: release });
  t.equal(await vermagic(String(installed.path)), release);
  t.match(await mpu('install', '--kernel', release), { ok: true, outcome: 'unchanged' });

  // What a new kernel's packages bring, and the command by which Debian's hook calls DKMS for them.
  const [before, after] = [release, updated].map((name) => join(root, 'usr/src', `linux-headers-${name}`));
  await check('cp', ['-a', String(before), String(after)]);
  for (const name of ['include/config/kernel.release', 'include/generated/utsrelease.h', 'Makefile', '.kernelvariables']) {
    const path = join(String(after), name);
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text !== undefined) await writeFile(path, text.replaceAll(release, updated));
  }
  await check('mkdir', ['-p', join(root, 'lib/modules', updated)]);
  await check('ln', ['-s', `/usr/src/linux-headers-${updated}`, join(root, 'lib/modules', updated, 'build')]);
  const hook = await inside(root, 'chroot', root, 'dkms', 'autoinstall', '-k', updated);
  if (!t.equal(hook.status, 0, 'DKMS builds for the new kernel')) t.comment(hook.stdout, hook.stderr);
  const modules = (await mpu('status', '--kernel', updated)).installed as { release: string; path: string; ours: boolean }[];
  t.match(modules, [{ release, ours: true }, { release: updated, ours: true }]);
  t.equal(await vermagic(modules[1]?.path ?? ''), updated);

  t.match(await mpu('uninstall', '--kernel', updated), { ok: true, outcome: 'uninstalled' });
  t.match((await mpu('status', '--kernel', release)).installed, [{ release }]);
  t.match(await mpu('install', '--kernel', updated), { ok: true, outcome: 'installed' }, 'by hand for a kernel that does not run');
  t.match(await mpu('uninstall'), { ok: true, outcome: 'uninstalled' });
  for (const path of ['var/lib/dkms/mpu', 'etc/modules-load.d/mpu.conf', 'var/cache/mpu']) t.notOk(await exists(path), `${path} is gone`);
  t.notMatch((await readdir(join(root, 'usr/src'))).join(' '), /mpu/);
  t.same((await mpu('status', '--kernel', release)).installed, []);

  // A build that fails takes back what was registered.
  await check('rm', [join(root, 'usr/bin/make')]);
  const failed = await mpu('install', '--kernel', release);
  t.match(failed, { ok: false, error: { code: 'dkms-failed' } });
  t.notOk(await exists('var/lib/dkms/mpu'), 'DKMS has forgotten it');
  t.notMatch((await readdir(join(root, 'usr/src'))).join(' '), /mpu/);
});
