// SPDX-License-Identifier: GPL-2.0-only
/** The command without its native addon, where it does without; and building that addon without a network. */
import { access, cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { lacking } from '../support/engines.js';
import { check, checkout, run } from '../support/mpu.js';
import { TinyLayout, debianLayer, writeStandInLibraries } from '../support/tiny-layout.js';
import { addHeaders, headersRelease, makeFixture, makeKey } from '../support/module-fixture.js';

const release = await headersRelease();

await t.test('without the addon', { skip: await lacking(['make', 'gcc-12', 'openssl']) }, async (t) => {
  const directory = t.testdir();
  // As after a build of the command alone.
  const copy = join(directory, 'mpu');
  for (const part of ['dist', 'kernel', 'package.json'])
    await cp(join(checkout, part), join(copy, part), { recursive: true });
  await symlink(join(checkout, 'node_modules'), join(copy, 'node_modules'));
  const { root, env, write } = await makeFixture(directory, release, { programs: { rmmod: '' } });
  await addHeaders(root, release);
  const mpu = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { status, stdout, stderr } = await run(process.execPath, [join(copy, 'dist/cli.js'), ...args, '--json'], {
      env,
    });
    if (stderr !== '') throw new Error(stderr);
    return { ...(JSON.parse(stdout) as object), status };
  };
  const module = (...args: string[]): Promise<Record<string, unknown>> => mpu('module', ...args, '--root', root);

  const [key, cert] = await makeKey(directory);
  t.match(await module('build'), { status: 0, ok: true, kernel: release });
  t.match(await module('sign', '--key', key, '--cert', cert), { status: 0, signed: true });
  t.match(await module('install'), { status: 0, outcome: 'installed', signed: true });
  t.match(await module('status'), { status: 0, atBoot: true, loaded: { owner: 'none' }, installed: [{ release }] });
  await write('sys/module/mpu/version', '0.0.1\n');
  t.match(
    await module('status'),
    { status: 0, loaded: { owner: 'mpu', version: '0.0.1' } },
    'what is loaded is told by its version',
  );
  t.match(await module('unload'), { status: 0, outcome: 'unloaded' });
  t.match(
    await module('load'),
    { status: 1, error: { code: 'addon-missing', next: new RegExp(`npm --prefix ${copy}/? run build`) } },
    'nobody could ask it',
  );
  await rm(join(root, 'sys/module/mpu'), { recursive: true });
  t.match(await module('uninstall'), { status: 0, outcome: 'uninstalled' });

  const [layout, libraries] = [join(directory, 'layout'), join(directory, 'libraries')];
  await writeStandInLibraries(libraries);
  const image = new TinyLayout(layout);
  await image.finish(await image.image({ layers: [debianLayer], tag: 'app' }));
  t.match(await mpu('inject', `oci:${layout}:app`, '--library-dir', libraries), { status: 0, ok: true });
});

await t.test(
  'the addon is built without a network',
  { skip: await lacking(['unshare', 'cmake'], true), timeout: 600_000 },
  async (t) => {
    const scratch = await mkdtemp(join(tmpdir(), 'mpu-addon-'));
    t.teardown(() => rm(scratch, { recursive: true, force: true }));
    // An empty home, so that nothing that was downloaded before is found there.
    const home = join(scratch, 'home');
    await mkdir(home);
    const compile = [
      'npx',
      '--offline',
      'cmake-js',
      'compile',
      '--directory',
      'src/native',
      '--out',
      join(scratch, 'native'),
    ];
    await check('unshare', ['--net', ...compile], { cwd: checkout, env: { PATH: process.env.PATH, HOME: home } });
    const path = join(scratch, 'native/Release/mpu.node');
    await access(path);
    const program = `const { nativeAddon } = await import(${JSON.stringify(join(checkout, 'dist/lib/native-addon.js'))}); console.log(typeof nativeAddon(${JSON.stringify(path)}).netlinkGet)`;
    t.equal(await check(process.execPath, ['--input-type=module', '-e', program]), 'function\n', 'and it loads');
  },
);
