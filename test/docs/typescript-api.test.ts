// SPDX-License-Identifier: GPL-2.0-only
/** docs/typescript-api.md: the package is installed as it says, and its programs are type-checked and run. */
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { codeBlocks } from '../support/docs.js';
import { lacking } from '../support/engines.js';
import { check, checkout, run } from '../support/mpu.js';
import { TinyLayout, debianLayer } from '../support/tiny-layout.js';
import { packTarball } from '../packaging/tarball.js';

t.setTimeout(1_200_000);

const PAGE = 'docs/typescript-api.md';
const NAMES = ['pids', 'method', 'images', 'module', 'errors'] as const;

const directory = t.testdir();
const project = join(directory, 'project');
const programs = codeBlocks(PAGE, 'ts');

/** Runs one of the programs, in the project. */
const program = (name: (typeof NAMES)[number], env: NodeJS.ProcessEnv = {}): ReturnType<typeof run> =>
  run(process.execPath, [join(project, `${name}.js`)], { cwd: project, env: { ...process.env, ...env } });

await t.test('installing it', async (t) => {
  await packTarball(directory);
  await mkdir(project);
  await writeFile(join(project, 'package.json'), JSON.stringify({ type: 'module' }));
  const [install = '', ...more] = codeBlocks(PAGE, 'sh');
  t.same(more, [], 'the commands that this test types');
  await check('sh', ['-euc', install.replace('./mpu', '../mpu')], { cwd: project });
});

await t.test('the programs are right for a strict compiler', async (t) => {
  t.equal(programs.length, NAMES.length);
  for (const [index, name] of NAMES.entries()) await writeFile(join(project, `${name}.ts`), programs[index] ?? '');
  await mkdir(join(project, 'node_modules', '@types'));
  for (const name of ['@types/node', 'undici-types'])
    await symlink(join(checkout, 'node_modules', name), join(project, 'node_modules', name));
  const options = [
    '--strict',
    '--exactOptionalPropertyTypes',
    '--noUncheckedIndexedAccess',
    '--target',
    'es2022',
    '--module',
    'nodenext',
    '--types',
    'node',
  ];
  const tsc = join(checkout, 'node_modules', 'typescript', 'bin', 'tsc');
  t.match(await run(process.execPath, [tsc, ...options, ...NAMES.map((name) => `${name}.ts`)], { cwd: project }), {
    status: 0,
    stdout: '',
  });
});

const [major = 0, minor = 0] = release().split('.').map(Number);
const noNsfs =
  major > 6 || (major === 6 && minor >= 11)
    ? false
    : `NOT TESTED: Linux ${release()} has no translation by namespace files`;

await t.test('PIDs', { skip: noNsfs }, async (t) => {
  const same = `${/(\d+) is \1 on the host\nthe host's \1 and 1 are \1 and 1 here\n/.source}$`;
  t.match(await program('pids', { MPU_PIDNS: '/proc/self/ns/pid' }), { status: 0, stdout: new RegExp(`^${same}`) });
  t.match(await program('method'), { status: 0, stdout: /^\[ \d+ \]\n$/ });

  await t.test('in a container', { skip: await lacking(['unshare'], true) }, async (t) => {
    const script = 'exec 9</proc/self/ns/pid; MPU_PIDNS=/proc/self/fd/9 exec unshare -pf "$0" pids.js';
    const said = await check('sh', ['-c', script, process.execPath], { cwd: project });
    t.match(said, /^1 is (\d+) on the host\nthe host's \1 and 1 are 1 and 0 here\n$/, 'others are not there');
  });
});

await t.test('images', async (t) => {
  const layout = new TinyLayout(join(project, 'layout'));
  await layout.finish(await layout.image({ layers: [debianLayer], tag: '7' }));
  const said = [
    'created: oci:./layout:7-mpu for linux/amd64',
    'oci:./layout:7-mpu is injected',
    'and back to the same bytes',
    '',
  ];
  const ended = await program('images');
  t.match(ended, { status: 0, stdout: said.join('\n') }, 'as they print it', { ended });
  t.match((await program('images')).stdout, /^unchanged: /);
});

await t.test('the module', async (t) => {
  const { status, stdout } = await program('module');
  t.equal(status, 0);
  t.match(
    stdout,
    new RegExp(
      `^Linux ${release().replaceAll('.', '\\.')}: (not )?loaded, \\d+ installed\n(not )?loaded at (every )?boot\n(nobody answers|mpu\\.ko .*)\n$`,
    ),
  );
});

await t.test('errors', async (t) => {
  t.match(await program('errors'), {
    status: 0,
    stdout: /^no-translator: nsfs: .*ENOENT.*\nnext: mpu module load .*\n$/,
  });
});

await t.test('everything that is exported is on the page', async (t) => {
  const page = await readFile(join(checkout, PAGE), 'utf8');
  const exported = Object.keys((await import(join(checkout, 'dist', 'index.js'))) as object);
  t.ok(exported.length >= 8);
  for (const name of exported) t.ok(page.includes(`\`${name}\``), name);
});
