// SPDX-License-Identifier: GPL-2.0-only
/** `mpu module install` with the real DKMS, in a Debian of its own, over a kernel update. */
import { access, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { copySources } from '#mpu/lib/module/source.js';
import { baseImage } from '../../support/base-image.js';
import { lacking } from '../../support/engines.js';
import { check, checkout, run, type Ended } from '../../support/mpu.js';

const CLI = join(checkout, 'dist', 'cli.js');
const skip = await lacking(['mmdebstrap', 'unshare', 'chroot', 'modinfo', 'depmod', 'dpkg-deb'], true);

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

await t.test('DKMS', { skip, timeout: 850_000 }, async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'mpu-dkms-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  await check('tar', ['-xf', await baseImage(['dkms', 'linux-headers-cloud-amd64']), '-C', root]);
  const mpu = async (...args: string[]): Promise<Document> => {
    const ended = await inside(root, process.execPath, CLI, 'module', ...args, '--root', root, '--json');
    t.equal(ended.stderr, '', `mpu module ${args.join(' ')}: one document and nothing else`);
    return JSON.parse(ended.stdout) as Document;
  };
  const exists = (path: string): Promise<boolean> =>
    access(join(root, path)).then(
      () => true,
      () => false,
    );
  const vermagic = async (path: string): Promise<string> =>
    (await check('modinfo', ['-F', 'vermagic', path])).split(' ')[0] ?? '';

  const [release = ''] = await readdir(join(root, 'lib/modules'));
  const updated = release.replace(/-(\d+)-/, '-999-');
  const installed = await mpu('install', '--kernel', release);
  t.match(installed, { ok: true, outcome: 'installed', method: 'dkms', kernel: release });
  t.equal(await vermagic(String(installed.path)), release);
  t.match(await mpu('install', '--kernel', release), { ok: true, outcome: 'unchanged' });

  // What a new kernel's packages bring, and the command by which Debian's hook calls DKMS for them.
  const [before, after] = [release, updated].map((name) => join(root, 'usr/src', `linux-headers-${name}`));
  await check('cp', ['-a', String(before), String(after)]);
  for (const name of [
    'include/config/kernel.release',
    'include/generated/utsrelease.h',
    'Makefile',
    '.kernelvariables',
  ]) {
    const path = join(String(after), name);
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text !== undefined) await writeFile(path, text.replaceAll(release, updated));
  }
  await check('mkdir', ['-p', join(root, 'lib/modules', updated)]);
  await check('ln', ['-s', `/usr/src/linux-headers-${updated}`, join(root, 'lib/modules', updated, 'build')]);
  const hook = await inside(root, 'chroot', root, 'dkms', 'autoinstall', '-k', updated);
  if (!t.equal(hook.status, 0, 'DKMS builds for the new kernel')) t.comment(hook.stdout, hook.stderr);
  const modules = (await mpu('status', '--kernel', updated)).installed as {
    release: string;
    path: string;
    ours: boolean;
  }[];
  t.match(modules, [
    { release, ours: true },
    { release: updated, ours: true },
  ]);
  t.equal(await vermagic(modules[1]?.path ?? ''), updated);

  t.match(await mpu('uninstall', '--kernel', updated), { ok: true, outcome: 'uninstalled' });
  t.match((await mpu('status', '--kernel', release)).installed, [{ release }]);
  t.match(
    await mpu('install', '--kernel', updated),
    { ok: true, outcome: 'installed' },
    'by hand for a kernel that does not run',
  );
  t.match(await mpu('uninstall'), { ok: true, outcome: 'uninstalled' });
  for (const path of ['var/lib/dkms/mpu', 'etc/modules-load.d/mpu.conf', 'var/cache/mpu'])
    t.notOk(await exists(path), `${path} is gone`);
  t.notMatch((await readdir(join(root, 'usr/src'))).join(' '), /mpu/);
  t.same((await mpu('status', '--kernel', release)).installed, []);

  const module = (kernel: string): string => join(root, 'lib/modules', kernel, 'updates/dkms/mpu.ko');
  const versions = async (): Promise<string[]> =>
    Promise.all(
      [release, updated].map(async (kernel) => (await check('modinfo', ['-F', 'version', module(kernel)])).trim()),
    );
  const dkms = async (...args: string[]): Promise<string> => {
    const ended = await inside(root, 'chroot', root, 'dkms', ...args);
    t.equal(ended.status, 0, `dkms ${args.join(' ')}`);
    return ended.stdout;
  };

  // An older version, in both kernels: this one's sources by another name.
  const older = join(root, 'usr/src/mpu-0.0.1');
  await copySources(older);
  for (const [name, pattern] of [
    ['version.h', /MPU_VERSION "[^"]+"/],
    ['dkms.conf', /PACKAGE_VERSION="[^"]+"/],
  ] as const) {
    const text = await readFile(join(older, name), 'utf8');
    await writeFile(
      join(older, name),
      text.replace(pattern, (found) => found.replace(/"[^"]+"/, '"0.0.1"')),
    );
  }
  await dkms('add', '-m', 'mpu', '-v', '0.0.1');
  for (const kernel of [release, updated]) await dkms('install', '-m', 'mpu', '-v', '0.0.1', '-k', kernel);
  t.same(await versions(), ['0.0.1', '0.0.1']);
  const state = await dkms('status', 'mpu');

  // A build that fails leaves it as it was.
  const make = join(root, 'usr/bin/make');
  await rename(make, `${make}.aside`);
  t.match(await mpu('install', '--kernel', release), { ok: false, error: { code: 'dkms-failed' } });
  await rename(`${make}.aside`, make);
  t.same(await versions(), ['0.0.1', '0.0.1'], 'both modules are there');
  t.equal(await dkms('status', 'mpu'), state, 'DKMS knows what it knew');
  t.match(await check('modinfo', ['-b', root, '-k', updated, '-F', 'version', 'mpu']), '0.0.1', 'modules.dep, too');

  const { version } = await mpu('status');
  t.match(await mpu('install', '--kernel', release), {
    ok: true,
    outcome: 'installed',
    alsoFor: [updated],
    skipped: [],
  });
  t.same(await versions(), [version, version], 'the kernel that is not running has the new one as well');
  t.notMatch(await dkms('status', 'mpu'), /0\.0\.1/);

  // From one way to the other and back.
  t.match(await mpu('install', '--no-dkms', '--kernel', release), { ok: true, method: 'file', alsoFor: [updated] });
  const places = async (): Promise<unknown> =>
    ((await mpu('status')).installed as { release: string; place: string }[]).map(({ place }) => place);
  t.same(await places(), ['extra', 'extra'], 'one module a kernel');
  t.equal(await dkms('status', 'mpu'), '');
  t.match(await mpu('install', '--kernel', release), { ok: true, method: 'dkms', alsoFor: [updated] });
  t.same(await places(), ['updates/dkms', 'updates/dkms'], 'one module a kernel');

  // What a package has brought stays until the package goes.
  const tree = join(root, 'package');
  await mkdir(join(tree, 'DEBIAN'), { recursive: true });
  await writeFile(
    join(tree, 'DEBIAN/control'),
    'Package: mpu-dkms\nVersion: 1\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: sources\n',
  );
  await cp(join(root, 'usr/src', `mpu-${String(version)}`), join(tree, 'usr/src', `mpu-${String(version)}`), {
    recursive: true,
  });
  await check('dpkg-deb', ['--build', '--root-owner-group', tree, join(root, 'mpu-dkms.deb')]);
  const added = await inside(root, 'chroot', root, 'dpkg', '-i', '/mpu-dkms.deb');
  t.equal(added.status, 0, 'the package is installed');
  t.match(await mpu('uninstall'), {
    ok: false,
    error: { code: 'package-owned', next: `chroot ${root} apt-get remove mpu-dkms` },
  });
  t.same(await versions(), [version, version], 'nothing was removed');
  // As its own script does before its files go.
  await dkms('remove', '-m', 'mpu', '-v', String(version), '--all');
  t.equal((await inside(root, 'chroot', root, 'dpkg', '-r', 'mpu-dkms')).status, 0);
  t.match(await mpu('uninstall'), { ok: true, outcome: 'uninstalled' });

  // At first there is nothing to go back to.
  await rm(make);
  t.match(await mpu('install', '--kernel', release), { ok: false, error: { code: 'dkms-failed' } });
  t.notOk(await exists('var/lib/dkms/mpu'), 'DKMS has forgotten it');
  t.notMatch((await readdir(join(root, 'usr/src'))).join(' '), /mpu/);
});
