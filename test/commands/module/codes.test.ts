// SPDX-License-Identifier: GPL-2.0-only
/** The codes of `mpu module` that take a broken system, and what an unprivileged user is told. */
import { chmod, copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { MpuError } from '#mpu/lib/errors.js';
import { Host } from '#mpu/lib/system/host.js';
import { interceptRefusal, switchIntercept } from '#mpu/lib/module/intercept.js';
import { loadModule, unloadModule } from '#mpu/lib/module/load.js';
import { runProgram } from '#mpu/lib/system/program.js';
import type { ModuleState } from '#mpu/lib/translator.js';
import { lacking } from '../../support/engines.js';
import { checkout, run } from '../../support/mpu.js';
import { makeDkmsFixture } from '../../support/fake-dkms.js';
import {
  addHeaders,
  headersRelease,
  json,
  makeFixture,
  makeKey,
  type Document,
  type Fixture,
} from '../../support/module-fixture.js';

const release = await headersRelease();
const updated = release.replace(/-(\d+)-/, '-999-');
const noBuild = await lacking(['make', 'gcc-12', 'openssl']);

await t.test('building', { skip: noBuild }, async (t) => {
  const top = t.testdir();
  const none = Object.fromEntries(['gcc', 'gcc-12', 'cc'].map((name) => [name, 'exit 127']));
  const bare = await makeFixture(join(top, 'bare'), release, { programs: none });
  await addHeaders(bare.root, release);
  t.match(await json(bare, 'build'), {
    status: 3,
    error: { code: 'compiler-missing', why: /built by gcc 12.*no compiler/, next: 'apt-get install gcc-12 make' },
  });

  // What a build for the other kernel would have given.
  const make =
    'if [ -e $root/../other.ko ]; then cp $root/../other.ko $2/mpu.ko; else echo "mpu/pidmap.c:7:1: error: no such thing" >&2; exit 2; fi';
  const broken = await makeFixture(join(top, 'broken'), release, { programs: { make } });
  await addHeaders(broken.root, release);
  t.match(await json(broken, 'build'), {
    status: 1,
    error: { code: 'build-failed', why: /pidmap.c:7:1: error: no such thing/, next: /make / },
  });
  const refusal = '/x/Kbuild:17: *** mpu: Linux 5.1.2 is older than mpu.ko supports: Linux 5.4.  Stop.';
  const old = await makeFixture(join(top, 'old'), release, { programs: { make: `echo "${refusal}" >&2; exit 2` } });
  await addHeaders(old.root, release);
  t.match(await json(old, 'build'), {
    status: 3,
    error: {
      code: 'kernel-unsupported',
      why: 'Linux 5.1.2 is older than mpu.ko supports: Linux 5.4',
      next: /do without/,
    },
  });
  const store = await makeFixture(join(top, 'store'), release);
  await addHeaders(store.root, updated);
  t.match(await json(store, 'build', '--kernel', updated, '--output', join(top, 'broken/other.ko')), { ok: true });
  t.match(await json(broken, 'build'), {
    status: 1,
    error: { code: 'headers-differ', why: new RegExp(`those of ${updated}`) },
  });

  const [key, cert] = await makeKey(top);
  await rm(join(store.root, 'usr/src', `linux-headers-${updated}`, 'scripts'), { recursive: true });
  t.match(await json(store, 'sign', '--kernel', updated, '--key', key, '--cert', cert), {
    status: 3,
    error: { code: 'sign-file-missing', next: /sbsigntool/ },
  });
});

await t.test('programs', async (t) => {
  await t.rejects(runProgram('mpu-no-such-program', [], 'cannot do it'), {
    code: 'program-missing',
    what: 'cannot do it',
    next: /install the package/,
    exitCode: 3,
  });
  await t.test('that are missing on the system', { skip: await lacking(['unshare', 'mount'], true) }, async (t) => {
    const fixture = await makeFixture(t.testdir(), release, { files: { [`lib/modules/${release}/extra/mpu.ko`]: '' } });
    // An empty file over make, wherever it is found: it can be executed no more.
    const script =
      'for path in /usr/bin/make /bin/make; do mount --bind /dev/null "$path" 2>/dev/null || [ ! -e "$path" ]; done; exec "$@"';
    await rm(join(fixture.root, 'lib/modules', release, 'extra'), { recursive: true });
    await addHeaders(fixture.root, release);
    const command = [
      process.execPath,
      join(checkout, 'dist/cli.js'),
      'module',
      'build',
      '--root',
      fixture.root,
      '--json',
    ];
    const ended = await run('unshare', ['--mount', 'sh', '-c', script, 'sh', ...command], {
      env: { ...process.env, HOME: fixture.root },
    });
    t.match(JSON.parse(ended.stdout), {
      error: { code: 'program-missing', why: /there is no make/, next: 'install the package make' },
    });
    t.equal(ended.status, 3);
  });
});

const state: ModuleState = {
  version: '0.1.0',
  abi: 1,
  features: ['translate', 'intercept'],
  maxPids: 4096,
  intercept: 'off',
  generation: '1',
};

await t.test('a loaded module', async (t) => {
  const fixture = await makeFixture(t.testdir(), release, {
    files: { 'sys/module/mpu/version': '0.1.0\n', 'sys/kernel/x': '', 'sys/module/mpu/parameters/intercept/x': '' },
    programs: { rmmod: 'echo "rmmod: ERROR: Module mpu is in use" >&2; exit 1' },
  });
  const host = await Host.open({ root: fixture.root });
  const query = (): Promise<ModuleState> => Promise.resolve(state);
  const { PATH } = process.env;
  t.teardown(() => (process.env.PATH = PATH));
  process.env.PATH = fixture.env.PATH;
  await t.rejects(unloadModule(host, { query }), { code: 'module-busy', why: /in use/, next: /lsmod/ });
  // Switched off already, with a call of before still in the driver: rmmod would wait for that, and nobody could stop it.
  const asleep = { ...state, counters: { requests: 0, pids: 0, hidden: 0, rewritten: 1, untouched: 0, inFlight: 1 } };
  const sleeping = unloadModule(host, { query: () => Promise.resolve(asleep) });
  await t.rejects(sleeping, { code: 'module-busy', why: /sleeps in the NVIDIA driver/, next: /later/ });
  await writeFile(join(fixture.root, 'sys/module/mpu/initstate'), 'going\n');
  const going = { code: 'module-busy', why: /being unloaded/, next: /end that process/ };
  await t.rejects(unloadModule(host, { query }), going, 'it is on its way out');
  await t.rejects(loadModule(host, { query }), going, 'and not loaded because it still answers');
  await writeFile(join(fixture.root, 'sys/module/mpu/initstate'), 'live\n');
  // The parameter is a directory here: no error that the kernel would give.
  await t.rejects(switchIntercept(host, true, query), { code: 'intercept-refused', next: /dmesg/, exitCode: 1 });
  for (const [code, why, next, exitCode] of [
    ['EOPNOTSUPP', /without the ftrace/, /mpu inject/, 3],
    ['EBUSY', /live patch/, /livepatch/, 1],
    ['EAGAIN', /another tracer/, /again/, 1],
    ['ENODEV', /shut itself down/, /restart/, 1],
    ['ESHUTDOWN', /being unloaded/, /load --intercept/, 1],
    ['EINVAL', /does not know an ioctl entry/, /mpu inject/, 3],
  ] as const) {
    t.match(
      interceptRefusal('x', Object.assign(new Error('x'), { code })),
      { code: 'intercept-refused', why, next, exitCode },
      code,
    );
  }
  t.match(interceptRefusal('x', Object.assign(new Error('x'), { code: 'EPERM' })), {
    code: 'permission-denied',
    exitCode: 4,
  });
  const silent = new MpuError({ code: 'query-failed', what: 'x', why: 'y', next: 'z' });
  await t.rejects(
    switchIntercept(host, true, () => Promise.reject(silent)),
    { code: 'query-failed' },
    'why it cannot be asked',
  );
});

await t.test('an unprivileged user', { skip: await lacking(['setpriv', 'make', 'gcc-12'], true) }, async (t) => {
  const top = t.testdir();
  const user = async (fixture: Fixture, ...args: string[]): Promise<Document & { status: number | null }> => {
    const setpriv = ['--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all', '--bounding-set=-all'];
    const command = [
      process.execPath,
      join(checkout, 'dist/cli.js'),
      'module',
      ...args,
      '--root',
      fixture.root,
      '--json',
    ];
    const { status, stdout } = await run('setpriv', [...setpriv, ...command], {
      env: { ...fixture.env, HOME: '/var/empty' },
    });
    return { ...(JSON.parse(stdout) as Document), status };
  };
  const refused = (next: unknown): object => ({ status: 4, error: { code: 'permission-denied', next } });
  const fixture = await makeDkmsFixture(join(top, 'dkms'), release, { programs: { dkms: 'exit 1' } });
  await addHeaders(fixture.root, release);
  await mkdir(join(fixture.root, 'var/cache'), { recursive: true });
  const before = await fixture.snapshot();
  t.match(
    await user(fixture, 'install'),
    refused(`sudo mpu module install --root ${fixture.root}`),
    'install, before DKMS is asked',
  );
  t.match(await user(fixture, 'install', '--no-dkms'), refused(`sudo mpu module install --root ${fixture.root}`));
  t.match(await user(fixture, 'build'), refused(/as root/));
  t.match(await user(fixture, 'uninstall'), { status: 0, outcome: 'unchanged' }, 'nothing to do needs nobody');
  t.same(await fixture.snapshot(), before);

  t.match(
    await json(fixture, 'install', '--no-dkms'),
    { error: { code: 'dkms-failed' } },
    'DKMS is not asked by users alone',
  );
  await rm(join(fixture.root, 'usr/sbin/dkms'));
  const installed = await json(fixture, 'install');
  t.match(installed, { ok: true });
  t.match(await user(fixture, 'uninstall'), refused(`sudo mpu module uninstall --root ${fixture.root}`));
  const [key, cert] = await makeKey(top);
  await chmod(key, 0o644);
  t.match(
    await user(fixture, 'sign', '--key', key, '--cert', cert, String(installed.path)),
    refused(/owner of the files/),
  );
  const copy = join(top, 'mpu.ko');
  await copyFile(String(installed.path), copy);
  t.match(await user(fixture, 'sign', '--key', key, '--cert', cert, copy), refused(/owner of the files/));
  t.ok((await readFile(copy)).equals(await readFile(String(installed.path))), 'and nothing is signed');
});

await t.test('a cache of the own', { skip: noBuild }, async (t) => {
  // Without --root, on this system, whose cache for users is below their home.
  const cache = join(t.testdir(), 'cache');
  await mkdir(join(cache, 'mpu', release), { recursive: true });
  await writeFile(join(cache, 'mpu', release, 'mpu.ko'), '');
  await chmod(join(cache, '..'), 0o777);
  for (const path of [cache, join(cache, 'mpu'), join(cache, 'mpu', release)]) await chmod(path, 0o777);
  const setpriv = ['--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all', '--bounding-set=-all'];
  const command = [process.execPath, join(checkout, 'dist/cli.js'), 'module', 'uninstall', '--json'];
  const program = process.getuid?.() === 0 ? 'setpriv' : 'env';
  const ended = await run(program, [...(program === 'env' ? [] : setpriv), ...command], {
    env: { PATH: process.env.PATH, HOME: '/var/empty', XDG_CACHE_HOME: cache },
  });
  t.match(JSON.parse(ended.stdout), { ok: true, removed: [join(cache, 'mpu')] });
});
