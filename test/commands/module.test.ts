// SPDX-License-Identifier: GPL-2.0-only
/** `mpu module` on systems in directories: a real build with Debian's headers, real depmod, stand-ins for the rest. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { lacking } from '../support/engines.js';
import { check, mpu } from '../support/mpu.js';
import { addHeaders, headersRelease, json, makeFixture, makeKey, verb } from '../support/module-fixture.js';

const release = await headersRelease();
const updated = release.replace(/-(\d+)-/, '-999-');
const noBuild = await lacking(['make', 'gcc-12', 'openssl', 'modinfo', 'depmod']);

// Built once; the tests copy it into the caches of their fixtures.
const store = await makeFixture(t.testdir(), release, { programs: {} });
await addHeaders(store.root, release);
await addHeaders(store.root, updated);

await t.test('build', { skip: noBuild }, async (t) => {
  const target = join(t.testdir(), 'mpu.ko');
  const built = await verb(store, 'build', '--output', target);
  t.match(built, { status: 0, stderr: '', stdout: new RegExp(`^${target}\n  mpu [0-9.]+ for kernel ${release}\n$`) });
  t.equal((await check('modinfo', ['-F', 'vermagic', target])).split(' ')[0], release);
  t.equal((await check('modinfo', ['-F', 'version', target])).trim(), String((await json(store, 'status')).version));

  const other = await json(store, 'build', '--kernel', updated);
  t.match(other, { ok: true, command: 'module build', kernel: updated, signed: false, status: 0 });
  t.equal(
    (await check('modinfo', ['-F', 'vermagic', String(other.path)])).split(' ')[0],
    updated,
    'for a kernel that does not run',
  );
});

await t.test('sign', { skip: noBuild }, async (t) => {
  const directory = t.testdir();
  const [key, cert] = await makeKey(directory);
  const file = join(directory, 'mpu.ko');
  await check('cp', [join(store.root, 'var/cache/mpu', release, 'mpu.ko'), file]);
  t.match(await json(store, 'sign', '--key', key, '--cert', cert, file), { ok: true, signed: true, path: file });
  t.match(await check('modinfo', ['-F', 'signer', file]), /mpu/, 'modinfo knows the signer');
  t.match(await json(store, 'sign', '--key', key, '--cert', cert, file), { error: { code: 'already-signed' } });

  const before = await readFile(join(store.root, 'var/cache/mpu', release, 'mpu.ko'));
  const wrong = join(directory, 'wrong');
  await writeFile(wrong, 'no key');
  t.match(await json(store, 'sign', '--key', wrong, '--cert', cert), { status: 1, error: { code: 'sign-failed' } });
  t.ok(
    before.equals(await readFile(join(store.root, 'var/cache/mpu', release, 'mpu.ko'))),
    'a failure changes nothing',
  );
  t.match(await json(store, 'sign', '--key', join(directory, 'none'), '--cert', cert), {
    status: 1,
    error: { code: 'key-missing' },
  });
  t.match(await json(store, 'sign', '--key', key), { status: 2, error: { code: 'usage', why: /--cert/ } });
  t.match(await json(store, 'sign'), { status: 2, error: { code: 'usage' } });
  t.match(await json(store, 'sign', '--key', key, '--cert', cert, key), {
    status: 1,
    error: { code: 'module-invalid' },
  });
  t.match(await json(store, 'sign', '--key', key, '--cert', cert), { status: 0, signed: true }, 'the one in the cache');
  t.match(await json(store, 'build'), { signed: false }, 'a new build is not signed');
});

await t.test('load takes what was signed, whatever is installed', { skip: noBuild }, async (t) => {
  const directory = t.testdir();
  const [key, cert] = await makeKey(directory);
  const insmod = `tail -c 28 "$1" | grep -q '~Module signature appended~' || { echo "insmod: ERROR: could not insert module $1: Key was rejected by service" >&2; exit 1; }`;
  const fixture = await makeFixture(directory, release, { programs: { insmod, rmmod: '', dmesg: '' } });
  await addHeaders(fixture.root, release);
  const installed = await json(fixture, 'install');
  t.match(installed, { ok: true, signed: false });
  t.match(
    await json(fixture, 'load'),
    { error: { code: 'signature-refused', why: /not signed/ } },
    'as Secure Boot does',
  );
  const signed = await json(fixture, 'sign', '--key', key, '--cert', cert);
  t.match(signed, { ok: true, signed: true });
  // As far as without a kernel: insmod has taken it.
  t.match(await json(fixture, 'load'), { error: { code: 'module-silent' } });
  t.same(
    (await fixture.calls()).filter((call) => call.startsWith('insmod')),
    [`insmod ${String(installed.path)}`, `insmod ${String(signed.path)}`],
  );
  t.match(
    await json(fixture, 'load', '--temporary'),
    { error: { code: 'module-silent' } },
    '--temporary is what load does',
  );
  t.match(
    await json(fixture, 'install'),
    { ok: true, outcome: 'installed', signed: true },
    'install keeps the signed one',
  );
});

await t.test('install and uninstall without DKMS, over a kernel update', { skip: noBuild }, async (t) => {
  const before = await store.snapshot();
  const first = await json(store, 'install');
  const path = join(store.root, 'lib/modules', release, 'extra/mpu.ko');
  t.match(first, { status: 0, outcome: 'installed', method: 'file', path, kernel: release, signed: false });
  t.match(await store.calls(), [`depmod -b ${store.root} ${release}`]);
  t.match(await readFile(join(store.root, 'etc/modules-load.d/mpu.conf'), 'utf8'), /^mpu$/m);
  t.match(await json(store, 'install'), { status: 0, outcome: 'unchanged' });

  const options = join(store.root, 'etc/modprobe.d/mpu.conf');
  t.match(await json(store, 'install', '--intercept'), { status: 0, outcome: 'installed' });
  t.match(await readFile(options, 'utf8'), /^options mpu intercept=1$/m);
  t.match(await json(store, 'install', '--intercept'), { status: 0, outcome: 'unchanged' });
  t.match(await json(store, 'install'), { status: 0, outcome: 'unchanged' }, 'stays unless asked otherwise');
  t.match(await json(store, 'install', '--no-intercept'), { status: 0, outcome: 'installed' });
  await t.rejects(readFile(options), { code: 'ENOENT' });
  t.match(await json(store, 'install', '--intercept'), { status: 0, outcome: 'installed' });

  // The kernel is updated: the new one is not running yet.
  t.match(await json(store, 'install', '--kernel', updated), { status: 0, outcome: 'installed', kernel: updated });
  const status = await json(store, 'status');
  t.match(status, {
    atBoot: true,
    kernel: release,
    installed: [
      { release, ours: true },
      { release: updated, kernel: updated, ours: true },
    ],
  });
  t.match(await verb(store, 'status'), { status: 0, stdout: /at boot: +loaded/, stderr: '' });

  t.match(await json(store, 'uninstall', '--kernel', updated), { status: 0, outcome: 'uninstalled' });
  t.match((await json(store, 'status')).installed, [{ release }], 'the other kernel keeps it');
  t.match(await json(store, 'uninstall'), { status: 0, outcome: 'uninstalled' });
  t.match(await json(store, 'uninstall'), { status: 0, outcome: 'unchanged', removed: [] });
  // What the build has put into the cache is gone as well.
  const clean = Object.fromEntries(Object.entries(before).filter(([name]) => !name.startsWith('/var/cache/mpu')));
  t.same(await store.snapshot(), clean, 'no trace is left');
});

await t.test('real depmod finds it', { skip: noBuild }, async (t) => {
  const fixture = await makeFixture(t.testdir(), release);
  await addHeaders(fixture.root, release);
  const env = { ...fixture.env, PATH: process.env.PATH };
  t.match(await mpu(['module', 'install', '--root', fixture.root], { env }), { status: 0, stderr: '' });
  t.match(await readFile(join(fixture.root, 'lib/modules', release, 'modules.dep'), 'utf8'), /^extra\/mpu\.ko:/m);
  t.match(await mpu(['module', 'uninstall', '--root', fixture.root], { env }), { status: 0, stderr: '' });
  t.notMatch(await readFile(join(fixture.root, 'lib/modules', release, 'modules.dep'), 'utf8'), /mpu/);
});

await t.test('a failing depmod and an interrupt undo the installation', { skip: noBuild }, async (t) => {
  const top = t.testdir();
  for (const [name, depmod, expected] of [
    ['depmod fails', 'echo "depmod: no space" >&2; exit 1', { status: 1, stderr: /depmod: no space[^]*next:/ }],
    [
      'SIGINT',
      'mkdir $root/../interrupted 2>/dev/null || exit 0; kill -INT $(cat $root/../pid); sleep 0.5',
      { status: 130, stderr: /interrupted/ },
    ],
  ] as const) {
    const directory = join(top, name.replaceAll(' ', '-'));
    const fixture = await makeFixture(directory, release, { programs: { depmod } });
    await addHeaders(fixture.root, release);
    const before = await fixture.snapshot();
    const ended = await mpu(['module', 'install', '--root', fixture.root], {
      env: fixture.env,
      onStart: (child) => void writeFile(join(directory, 'pid'), String(child.pid)),
    });
    t.match(ended, { ...expected, stdout: '' }, name);
    const after = Object.entries(await fixture.snapshot()).filter(([path]) => !path.startsWith('/var'));
    t.same(Object.fromEntries(after), before, `${name}: nothing is left`);
  }
});

await t.test('an interrupt ends the build', { skip: noBuild }, async (t) => {
  const fixture = await makeFixture(t.testdir(), release, {
    programs: { make: 'kill -INT $(cat $root/../pid); sleep 30' },
  });
  await addHeaders(fixture.root, release);
  const started = Date.now();
  const ended = await mpu(['module', 'build', '--root', fixture.root], {
    env: fixture.env,
    onStart: (child) => void writeFile(join(fixture.root, '../pid'), String(child.pid)),
  });
  t.match(ended, { status: 130, stdout: '' });
  t.ok(Date.now() - started < 15_000, 'at once');
  t.notMatch(Object.keys(await fixture.snapshot()).join('\n'), /scratch|mpu\.ko/);
});

await t.test('a module of another project stays', { skip: noBuild }, async (t) => {
  // The same file by another author: nothing else tells them apart.
  const data = await readFile(String((await json(store, 'build')).path));
  const foreign = Buffer.from(data.toString('latin1').replace('The mpu authors', 'Someone else  .'), 'latin1');
  const path = `lib/modules/${release}/extra/mpu.ko`;
  const fixture = await makeFixture(t.testdir(), release, { files: { [path]: foreign } });
  t.match(await json(fixture, 'status'), { installed: [{ ours: false }] });
  t.match(await json(fixture, 'uninstall'), { status: 0, outcome: 'unchanged' });
  t.ok(foreign.equals(await readFile(join(fixture.root, path))));
});

await t.test('refusals say what to do', async (t) => {
  const top = t.testdir();
  const plain = await makeFixture(join(top, 'plain'), release);
  t.match(await json(plain, 'build'), {
    status: 3,
    error: { code: 'headers-missing', next: `apt-get install linux-headers-${release}` },
  });
  t.match(await json(plain, 'install', '--kernel', '9.9.9-none'), { status: 3, error: { code: 'no-such-kernel' } });
  t.match(await json(plain, 'build', '--kernel', '4.15.0-1-amd64'), {
    status: 3,
    error: { code: 'kernel-unsupported', why: /older than 4.18/ },
  });
  t.match(await json(plain, 'build', '--kernel', '../../etc'), { status: 2, error: { code: 'usage' } });
  t.match(await json(plain, 'load', '--kernel', '6.9.9-other'), {
    status: 2,
    error: { code: 'usage', next: /module install .*--kernel 6.9.9-other/ },
  });
  t.match(await json(plain, 'unload'), { status: 0, outcome: 'unchanged' });
  t.match(await mpu(['module', 'status', '--root', join(top, 'none')]), { status: 2, stderr: /no directory/ });

  const fedora = await makeFixture(join(top, 'fedora'), '6.9.7-200.fc40.x86_64', {
    files: { 'etc/os-release': 'ID=fedora\n' },
  });
  t.match(await json(fedora, 'build'), {
    status: 3,
    error: { next: 'dnf install kernel-devel-6.9.7-200.fc40.x86_64' },
  });

  const unprivileged = await makeFixture(join(top, 'user'), release, {
    files: { 'proc/self/status': 'CapEff:\t0000000000000000\n' },
  });
  t.match(await json(unprivileged, 'load'), { status: 4, error: { code: 'permission-denied', why: /CAP_SYS_MODULE/ } });
  // Loaded by another project: nobody answers to the family here.
  const foreign = await makeFixture(join(top, 'foreign'), release, { files: { 'sys/module/mpu/refcnt': '0\n' } });
  t.match(await json(foreign, 'load'), { status: 1, error: { code: 'foreign-module', next: /rmmod mpu/ } });
  t.match(await json(foreign, 'unload'), { status: 1, error: { code: 'foreign-module' } });
  t.match(await verb(foreign, 'status'), { status: 0, stdout: /loaded: +a module of another project/ });
  const monolithic = await makeFixture(join(top, 'monolithic'), release);
  await rm(join(monolithic.root, 'proc/modules'));
  t.match(await json(monolithic, 'load'), {
    status: 3,
    error: { code: 'kernel-unsupported', why: /without loadable modules/ },
  });
});

await t.test('the compiler', { skip: noBuild }, async (t) => {
  const fixture = await makeFixture(t.testdir(), release);
  await addHeaders(fixture.root, release);
  const config = join(fixture.root, 'usr/src', `linux-headers-${release}`, 'include/config/auto.conf');
  const text = await readFile(config, 'utf8');
  await rm(config);
  await writeFile(
    config,
    text.replace(/CONFIG_CC_VERSION_TEXT=.*/, 'CONFIG_CC_VERSION_TEXT=gcc-99 (Debian 99.1.0-1) 99.1.0'),
  );
  t.match(await json(fixture, 'build'), {
    status: 3,
    error: {
      code: 'compiler-differs',
      why: /built by gcc 99.*only gcc 12/,
      next: /apt-get install gcc-99 make.*--cc gcc --root/,
    },
  });
  t.match(await json(fixture, 'build', '--cc', 'gcc'), { status: 0, ok: true });
  t.match(await json(fixture, 'build', '--cc', 'true'), { status: 2, error: { code: 'usage' } });
  await writeFile(config, text.replace(/CONFIG_PID_NS=y/, ''));
  t.match(await json(fixture, 'build'), { status: 3, error: { code: 'kernel-unsupported', why: /PID_NS/ } });
});

await t.test('insmod fails, or the module does not answer', { skip: noBuild }, async (t) => {
  const top = t.testdir();
  for (const [name, insmod, expected] of [
    [
      'key',
      'echo "insmod: ERROR: could not insert module: Key was rejected by service" >&2; exit 1',
      {
        status: 4,
        error: { code: 'signature-refused', next: /mokutil --import MOK.der.*--key MOK.key --cert MOK.der/ },
      },
    ],
    [
      'format',
      'echo "insmod: ERROR: could not insert module: Invalid module format" >&2; exit 1',
      { status: 1, error: { code: 'module-mismatch' } },
    ],
    ['silent', '', { status: 1, error: { code: 'module-silent', why: /unloaded again/ } }],
  ] as const) {
    const fixture = await makeFixture(join(top, name), release, { programs: { insmod, rmmod: '', dmesg: '' } });
    await addHeaders(fixture.root, release);
    t.match(await json(fixture, 'load'), expected, name);
    t.equal((await fixture.calls()).includes('rmmod mpu'), name === 'silent', 'taken out again if it was in');
  }
});

await t.test('every verb has help, and nothing else on stdout with --json', async (t) => {
  for (const name of ['build', 'load', 'unload', 'install', 'uninstall', 'sign', 'status']) {
    const help = await mpu(['module', name, '--help']);
    t.match(help, { status: 0, stderr: '' });
    for (const word of ['--root', '--kernel', '--json', 'Exit codes'])
      t.ok(help.stdout.includes(word), `${name}: ${word}`);
  }
  t.match(await mpu(['module']), { status: 2, stdout: '' });
  t.match(await mpu(['module', 'nonsense']), { status: 2, stdout: '', stderr: /nonsense/ });
});
