// SPDX-License-Identifier: GPL-2.0-only
/** The CDI spec and the files it names; checked by the CDI project's own parser and schema. */
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { messageOf } from '#mpu/lib/errors.js';
import { retry } from '#mpu/lib/system/retry.js';
import { lacking } from '../support/engines.js';
import { check, checkout, mpu, run } from '../support/mpu.js';
import { writeStandInLibraries } from '../support/tiny-layout.js';
import { MOUNT_PIDNS, PrivateHost } from './host.js';

interface Spec {
  cdiVersion: string;
  devices: { name: string }[];
  containerEdits: { mounts: { hostPath: string; containerPath: string; options: string[] }[] };
}

const parse = (text: string): Spec => JSON.parse(text) as Spec;

await t.test('the spec goes to stdout, the library beside it', async (t) => {
  const directory = join(t.testdir(), 'host');
  const ended = await mpu(['cdi', 'generate', '--directory', directory]);
  t.equal(ended.status, 0);
  const spec = parse(ended.stdout);
  t.match(spec, { cdiVersion: '0.3.0', kind: 'dev.mpu/preload', devices: [{ name: 'all' }, { name: 'env' }] });
  const [mount] = spec.containerEdits.mounts;
  t.match(mount, { containerPath: '/usr/lib/mpu' });
  for (const place of ['lib/x86_64-linux-gnu', 'lib64', 'lib', 'x86_64', 'haswell', '$PLATFORM']) {
    const library = await readFile(join(mount?.hostPath ?? '', place, 'libmpu.so'));
    t.ok(library.equals(await readFile(join(checkout, 'build/preload/x86_64/libmpu.so'))), place);
  }
  for (const place of ['lib/i386-linux-gnu', 'lib32', 'i686']) {
    const library = await readFile(join(mount?.hostPath ?? '', place, 'libmpu.so'));
    t.ok(library.equals(await readFile(join(checkout, 'build/preload/i386/libmpu.so'))), place);
  }
  const json = JSON.parse((await mpu(['cdi', 'generate', '--directory', directory, '--json'])).stdout) as object;
  t.match(json, {
    schemaVersion: 1,
    command: 'cdi generate',
    ok: true,
    spec: { kind: 'dev.mpu/preload' },
    devices: ['dev.mpu/preload=all', 'dev.mpu/preload=env'],
  });
});

await t.test('again: nothing changes; another library: another directory, the old one as it was', async (t) => {
  const directory = join(t.testdir(), 'host');
  const output = join(t.testdirName, 'cdi', 'mpu.json');
  const generate = (...more: string[]): ReturnType<typeof mpu> =>
    mpu(['cdi', 'generate', '--directory', directory, '-o', output, ...more]);
  t.match(await generate(), { status: 0, stdout: /mpu\.json\n {2}written\n/ });
  const before = await stat(output);
  const versions = await readdir(directory);
  t.match(await generate(), { status: 0, stdout: /unchanged/ });
  t.equal((await stat(output)).ino, before.ino);
  await writeStandInLibraries(join(t.testdirName, 'libraries'));
  t.match(await generate('--library-dir', join(t.testdirName, 'libraries')), { status: 0, stdout: /written/ });
  t.equal((await readdir(directory)).length, 2, 'no more than the two versions');
  t.ok((await readdir(directory)).includes(versions[0] ?? ''));
  t.same(await readdir(join(t.testdirName, 'cdi')), ['mpu.json'], 'no file aside is left');
});

await t.test('a file that was damaged is put right; the umask does not matter', async (t) => {
  const directory = join(t.testdir(), 'host');
  const generate = `umask 077; "$0" dist/cli.js cdi generate --directory '${directory}'`;
  const spec = parse(await check('sh', ['-c', generate, process.execPath], { cwd: checkout }));
  const tree = spec.containerEdits.mounts[0]?.hostPath ?? '';
  const library = join(tree, 'lib/x86_64-linux-gnu/libmpu.so');
  t.equal((await stat(library)).mode & 0o777, 0o644);
  t.equal((await stat(tree)).mode & 0o777, 0o755);
  await writeFile(library, 'damaged');
  await check('sh', ['-c', generate, process.execPath], { cwd: checkout });
  t.ok((await readFile(library)).length > 1000);
  t.equal((await readdir(directory)).length, 1);
});

await t.test('what cannot be', { skip: await lacking(['setpriv']) }, async (t) => {
  const directory = t.testdir();
  t.match(await mpu(['cdi', 'generate', '--directory', directory, '--library-dir', '/nowhere']), {
    status: 1,
    stdout: '',
    stderr: /libmpu.so does not exist/,
  });
  t.match(await mpu(['cdi']), { status: 2 });
  await mkdir(join(directory, 'closed'));
  await chmod(join(directory, 'closed'), 0o555);
  const user = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--clear-groups'] : ['env'];
  const denied = await run('env', [
    ...user,
    process.execPath,
    join(checkout, 'dist/cli.js'),
    'cdi',
    'generate',
    '--directory',
    join(directory, 'closed'),
  ]);
  t.match(denied, { status: 4, stdout: '', stderr: /cannot put libmpu\.so into/ });
});

await t.test('on a host', { skip: await lacking(['unshare', 'nsenter', 'mount'], true) }, async (t) => {
  const host = await PrivateHost.start();
  t.teardown(() => host.stop());
  await t.test('the PID namespace is part of the spec when it is there', async (t) => {
    const without = await host.run('mpu cdi generate');
    t.match(without, { status: 0, stderr: /\/run\/mpu\/pidns is not there: .* mpu\.ko/ });
    t.equal(parse(without.stdout).containerEdits.mounts.length, 1);
    const plain = await host.run('mkdir -p /run/mpu; touch /run/mpu/pidns; mpu cdi generate');
    t.match(plain, { status: 0, stderr: /\/run\/mpu\/pidns has no translator mounted on it: .* mpu\.ko/ });
    t.equal(parse(plain.stdout).containerEdits.mounts.length, 1, 'a file that a mount has failed on is not given');
    await host.check(MOUNT_PIDNS);
    const spec = await host.run('mpu cdi generate');
    t.equal(spec.stderr, '');
    t.match(parse(spec.stdout).containerEdits.mounts[1], {
      hostPath: '/run/mpu/pidns',
      containerPath: '/run/mpu/pidns',
      options: ['ro'],
    });
    t.ok(
      parse(spec.stdout).containerEdits.mounts.every(
        ({ hostPath }) => hostPath.startsWith('/var/lib/mpu/') || hostPath === '/run/mpu/pidns',
      ),
    );
  });
  await t.test('a full disk: nothing is left', async (t) => {
    const full = await host.run(
      'mkdir /run/small; mount -t tmpfs -o size=16k none /run/small; mpu cdi generate --directory /run/small',
    );
    t.match(full, { status: 1, stdout: '', stderr: /cannot put libmpu\.so[^]*free some space/ });
    t.equal(await host.check('ls -A /run/small'), '');
  });
  await t.test("the CDI project's parser and schema take it", { skip: await lacking(['go']) }, async (t) => {
    const validator = join(checkout, 'build/test/cdi-validate');
    await retry(
      () => check('go', ['mod', 'download'], { cwd: join(checkout, 'test/cdi/validate') }),
      (error) => /dial tcp|timeout|connection re(fused|set)|\b50[0-4]\b/.test(messageOf(error)),
    );
    await check('go', ['build', '-o', validator, '.'], { cwd: join(checkout, 'test/cdi/validate') });
    await host.check('mpu cdi generate -o /run/cdi/mpu.json');
    t.equal(await host.check(`${validator} /run/cdi/mpu.json`), '0.3.0\n', 'and say the same version');
    const broken = await host.run(
      `sed 's/hostPath/hostpath/' /run/cdi/mpu.json >/run/cdi/broken.json; ${validator} /run/cdi/broken.json`,
    );
    t.match(broken, { status: 1, stderr: /hostPath/ }, 'which would see a mistake');
  });
});
