// SPDX-License-Identifier: GPL-2.0-only
/** Every check of `npm run check` passes here, and each of those that need no configuration finds a planted fault. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { check, checkout, run, type Ended } from '../support/mpu.js';

// eslint with types takes most of a minute.
t.setTimeout(600_000);

const runChecks = (directory: string, ...names: string[]): Promise<Ended> =>
  run(process.execPath, [join(checkout, 'scripts', 'check.js'), ...names], { cwd: directory });

/** Returns the names of the checks that passed or failed. */
const named = (output: string, result: 'ok' | 'not ok'): string[] =>
  [...output.matchAll(new RegExp(`^${result} \\d+ - ([\\w-]+)`, 'gm'))].map(([, name = '']) => name).sort();

const ALL = ['clang-format', 'eslint', 'length', 'licence', 'prettier', 'shellcheck', 'types'];

/** Makes a git work tree of these files. */
async function workTree(t: Test, files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'mpu-check-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  await check('git', ['init', '--quiet', directory]);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text);
  }
  return directory;
}

void t.test('this work tree', async (t) => {
  const { status, stdout, stderr } = await runChecks(checkout);
  t.same(named(stdout, 'ok'), ALL, 'every check passes', { stdout, stderr });
  t.equal(status, 0);
});

const SPDX = 'SPDX-License-Identifier: GPL-2.0-only';
const FAULTS = {
  licence: { 'a.py': 'print(1)\n' },
  length: { 'a.py': `# ${SPDX}\n${'pass\n'.repeat(500)}` },
  prettier: { 'a.ts': `// ${SPDX}\nexport const a = "b"\n` },
  'clang-format': { 'sub/a.c': `/* ${SPDX} */\nint a( void );\n` },
  shellcheck: { script: `#!/bin/sh\n# ${SPDX}\necho $1\n` },
};
const SMALL = Object.keys(FAULTS);

for (const [name, files] of Object.entries(FAULTS)) {
  void t.test(`a fault for ${name}`, async (t) => {
    const { status, stdout } = await runChecks(await workTree(t, files), ...SMALL);
    t.same(named(stdout, 'not ok'), [name], 'that check alone fails', { stdout });
    t.match(stdout, new RegExp(`^# .*${Object.keys(files).join()}`, 'm'), 'the file is named');
    t.equal(status, 1);
  });
}

void t.test('files that are right, and one that is gone', async (t) => {
  const directory = await workTree(t, { 'a.ts': `// ${SPDX}\nexport const a = "b";\n`, 'b.py': 'pass\n' });
  await check('git', ['-C', directory, 'add', '.']);
  await rm(join(directory, 'b.py'));
  const { status, stdout } = await runChecks(directory, ...SMALL);
  t.same(named(stdout, 'ok'), SMALL.sort(), 'every check passes', { stdout });
  t.equal(status, 0);
});

void t.test('refusals', async (t) => {
  const unknown = await runChecks(checkout, 'spelling');
  t.equal(unknown.status, 2);
  t.match(unknown.stderr, /unknown check: spelling; there are: .*eslint/);
});
