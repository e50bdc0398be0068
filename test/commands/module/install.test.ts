// SPDX-License-Identifier: GPL-2.0-only
/** `mpu module install`: every kernel, DKMS and files in turn, and nothing changed by what fails. */
import { access, lstat, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { lacking } from '../../support/engines.js';
import {
  addHeaders,
  headersRelease,
  json,
  makeFixture,
  makeKey,
  verb,
  type Document,
  type Fixture,
} from '../../support/module-fixture.js';
import { installOlder, makeDkmsFixture } from '../../support/fake-dkms.js';

const release = await headersRelease();
const updated = release.replace(/-(\d+)-/, '-999-');
const skip = await lacking(['make', 'gcc-12', 'modinfo', 'depmod']);

/** A module file of this version, built once. */
const store = await makeFixture(join(t.testdir(), 'store'), release);
let module = Buffer.alloc(0);
if (skip === false) {
  await addHeaders(store.root, release);
  module = await readFile(String((await json(store, 'build')).path));
}

const version = String((await json(store, 'status')).version);
/** The same by another version: a string of the same length. */
const older = Buffer.from(
  module
    .toString('latin1')
    .replace(`version=${version}\0`, `version=${version.replace(/./, '0').replace(/.$/, '9')}\0`),
  'latin1',
);

/** A system with two kernels, both with headers, and DKMS. */
async function makeSystem(directory: string, programs: Record<string, string> = {}): Promise<Fixture> {
  const fixture = await makeDkmsFixture(directory, release, { programs });
  for (const kernel of [release, updated]) await addHeaders(fixture.root, kernel);
  await writeFile(join(directory, 'mpu.ko'), module);
  return fixture;
}

/** All that must not change: everything but the cache of built modules. */
async function state(fixture: Fixture): Promise<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(await fixture.snapshot()).filter(
      ([path]) => !path.startsWith('/var/cache') && path !== '/var' && path !== '/fail',
    ),
  );
}

interface Installed {
  release: string;
  place: string;
}

const placesOf = (document: Document): string[] =>
  (document.installed as Installed[]).map((each) => `${each.release} ${each.place}`);
const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

await t.test('DKMS', { skip }, async (t) => {
  const fixture = await makeSystem(t.testdir());
  await fixture.write('lib/modules/6.9.9-other/modules.order', '');
  const before = await state(fixture);

  await fixture.write('fail', 'build');
  t.match(await json(fixture, 'install'), {
    status: 1,
    error: { code: 'dkms-failed', next: new RegExp(`read ${fixture.root}/var/lib/dkms/mpu/.*make.log`) },
  });
  t.same(await state(fixture), before, 'undone');
  await rm(join(fixture.root, 'fail'));

  t.match(await json(fixture, 'install', '--key', 'k', '--cert', 'c'), {
    status: 2,
    error: { next: /mok_signing_key|--no-dkms/ },
  });
  const installed = await json(fixture, 'install');
  t.match(installed, {
    status: 0,
    outcome: 'installed',
    method: 'dkms',
    path: join(fixture.root, 'lib/modules', release, 'updates/dkms/mpu.ko'),
  });
  t.match(installed, { alsoFor: [updated], skipped: [] }, 'every kernel with headers has it at once');
  t.match(
    await readFile(join(fixture.root, 'usr/src', `mpu-${version}`, 'dkms.conf'), 'utf8'),
    new RegExp(`PACKAGE_VERSION="${version}"`),
  );
  t.match(await json(fixture, 'install'), { outcome: 'unchanged', alsoFor: [] });
  t.match(await json(fixture, 'uninstall', '--kernel', updated), { outcome: 'uninstalled' });
  t.match(await json(fixture, 'install'), { outcome: 'unchanged' }, 'what was taken away stays away');
  t.match(await json(fixture, 'install', '--kernel', updated), { outcome: 'installed', kernel: updated });
  t.match(await json(fixture, 'status'), {
    dkms: [
      { version, kernel: release, state: 'installed' },
      { version, kernel: updated },
    ],
  });
  t.match(await json(fixture, 'uninstall'), { outcome: 'uninstalled' });
  t.same(await state(fixture), before, 'no trace');
});

await t.test('another version in DKMS is replaced for every kernel that has it', { skip }, async (t) => {
  const fixture = await makeSystem(t.testdir());
  const gone = '6.0.0-1-amd64';
  await fixture.write(`lib/modules/${gone}/modules.order`, '');
  await installOlder(fixture, '0.0.1', [release, updated, gone]);
  const before = await state(fixture);
  for (const step of ['add', 'build', 'install']) {
    await fixture.write('fail', step);
    t.match(await json(fixture, 'install'), { status: 1, error: { code: 'dkms-failed' } });
    t.same(await state(fixture), before, `${step} fails: the other version is as it was`);
  }
  await rm(join(fixture.root, 'fail'));

  const ended = await verb(fixture, 'install');
  t.match(ended, {
    status: 0,
    stdout: new RegExp(`also for kernel ${updated}\n.*not for kernel ${gone}: dkms build failed: .*headers`),
  });
  const status = await json(fixture, 'status');
  t.match(status.dkms, [
    { version, kernel: release, state: 'installed' },
    { version, kernel: updated, state: 'installed' },
  ]);
  t.same(placesOf(status), [`${release} updates/dkms`, `${updated} updates/dkms`]);
  t.notOk(await exists(join(fixture.root, 'usr/src/mpu-0.0.1')));
});

await t.test('the same version of other sources', { skip }, async (t) => {
  const fixture = await makeSystem(t.testdir());
  t.match(await json(fixture, 'install'), { outcome: 'installed' });
  await fixture.write(`usr/src/mpu-${version}/pidmap.c`, 'something else');
  // Something to tell it from what is built now.
  await writeFile(join(fixture.root, 'lib/modules', updated, 'updates/dkms/mpu.ko'), older);
  const before = await state(fixture);
  for (const step of ['remove', 'add', 'build', 'install']) {
    await fixture.write('fail', step);
    t.match(await json(fixture, 'install'), { status: 1, error: { code: 'dkms-failed' } });
    t.same(await state(fixture), before, `${step} fails: DKMS and its modules are as they were`);
  }
  await rm(join(fixture.root, 'fail'));
  t.match(await json(fixture, 'install'), { outcome: 'installed', alsoFor: [updated] });
  t.not(await readFile(join(fixture.root, `usr/src/mpu-${version}/pidmap.c`), 'utf8'), 'something else');
  t.ok(module.equals(await readFile(join(fixture.root, 'lib/modules', updated, 'updates/dkms/mpu.ko'))));
});

await t.test('from DKMS to files and back', { skip }, async (t) => {
  const depmod = 'if [ -e $root/fail-depmod ]; then echo "depmod: no space" >&2; exit 1; fi';
  const fixture = await makeSystem(t.testdir(), { depmod });
  t.match(await json(fixture, 'install'), { method: 'dkms' });
  const before = await state(fixture);
  await fixture.write('fail-depmod', '');
  t.match(await json(fixture, 'install', '--no-dkms'), { status: 1, error: { code: 'depmod-failed' } });
  await rm(join(fixture.root, 'fail-depmod'));
  t.same(await state(fixture), before, 'depmod fails: DKMS has it as before');

  const [key, cert] = await makeKey(join(fixture.root, '..'));
  // docs/secure-boot.md, step 4, on a system where DKMS had it.
  t.match(await json(fixture, 'install', '--no-dkms', '--key', key, '--cert', cert), {
    method: 'file',
    signed: true,
    alsoFor: [updated],
  });
  let status = await json(fixture, 'status');
  t.same(placesOf(status), [`${release} extra`, `${updated} extra`], 'one module a kernel');
  t.same(status.dkms, []);
  t.notOk(await exists(join(fixture.root, 'usr/src', `mpu-${version}`)));

  const files = await state(fixture);
  await fixture.write('fail', 'install');
  t.match(await json(fixture, 'install'), { status: 1, error: { code: 'dkms-failed' } });
  t.same(await state(fixture), files, 'DKMS fails: the files are as they were');
  await rm(join(fixture.root, 'fail'));
  t.match(await json(fixture, 'install'), { method: 'dkms', outcome: 'installed', alsoFor: [updated] });
  status = await json(fixture, 'status');
  t.same(placesOf(status), [`${release} updates/dkms`, `${updated} updates/dkms`], 'one module a kernel');
});

await t.test('a file that cannot be replaced stays', { skip }, async (t) => {
  const path = `lib/modules/${release}/extra/mpu.ko`;
  const fixture = await makeFixture(t.testdir(), release, { files: { [path]: older }, programs: { depmod: 'exit 1' } });
  await addHeaders(fixture.root, release);
  const before = await state(fixture);
  t.match(await json(fixture, 'install'), { status: 1, error: { code: 'depmod-failed' } });
  t.same(await state(fixture), before);
  t.ok(older.equals(await readFile(join(fixture.root, path))));
});

await t.test('whether it is loaded at boot', async (t) => {
  const fixture = await makeFixture(t.testdir(), release, {
    files: { 'usr/lib/modules-load.d/mpu.conf': '# the package\nmpu\n', 'dev/null': '' },
  });
  const atBoot = async (): Promise<unknown> => (await json(fixture, 'status')).atBoot;
  t.equal(await atBoot(), true, 'by a package');
  const etc = join(fixture.root, 'etc/modules-load.d/mpu.conf');
  await symlink('/dev/null', etc);
  t.equal(await atBoot(), false, 'masked by a link');
  await rm(etc);
  await fixture.write('run/modules-load.d/mpu.conf', '# mpu\n');
  t.equal(await atBoot(), false, 'masked by a file');
  await fixture.write('etc/modules-load.d/gpu.conf', 'nvidia\nmpu\n');
  t.equal(await atBoot(), true, 'by any file');
  await rm(join(fixture.root, 'usr'), { recursive: true });
  await rm(join(fixture.root, 'etc/modules-load.d/gpu.conf'));
  t.equal(await atBoot(), false);
});

await t.test('a link in place of the file for the boot', { skip }, async (t) => {
  const depmod = 'if [ -e $root/fail-depmod ]; then exit 1; fi';
  const fixture = await makeFixture(t.testdir(), release, {
    files: { 'dev/null': '', 'fail-options': '' },
    programs: { depmod },
  });
  await addHeaders(fixture.root, release);
  const [boot, options] = ['etc/modules-load.d/mpu.conf', 'etc/modprobe.d/mpu.conf'].map((path) =>
    join(fixture.root, path),
  ) as [string, string];
  await symlink('/dev/null', boot);
  await symlink('/dev/null', options);
  t.match(await json(fixture, 'install', '--intercept'), { ok: true });
  for (const path of [boot, options]) t.ok((await lstat(path)).isFile(), `${path} is a file now`);
  t.equal(await readFile(join(fixture.root, 'dev/null'), 'utf8'), '', 'what it led to is as it was');
  await rm(boot);
  await symlink('/dev/null', boot);
  t.match(await json(fixture, 'uninstall'), { ok: true });
  t.ok(await exists(join(fixture.root, 'dev/null')));
  t.notOk(await readlink(boot).catch(() => false), 'the link itself is gone');
});

await t.test('what a package has installed', { skip }, async (t) => {
  const search = `[ "$3" = /usr/src/mpu-${version} ] && echo "mpu-dkms: $3"`;
  const fixture = await makeSystem(t.testdir(), { 'dpkg-query': search });
  t.match(await json(fixture, 'install'), { method: 'dkms' });
  // From here on it is the package's.
  await fixture.write('var/lib/dpkg/status', '');
  const before = await state(fixture);
  const expected = {
    status: 1,
    error: { code: 'package-owned', why: /mpu-dkms/, next: `chroot ${fixture.root} apt-get remove mpu-dkms` },
  };
  t.match(await json(fixture, 'uninstall'), expected);
  t.match(await json(fixture, 'install', '--no-dkms'), expected);
  t.match(await json(fixture, 'install'), { status: 0, outcome: 'unchanged' });
  t.same(await state(fixture), before);
});
