// SPDX-License-Identifier: GPL-2.0-only
/** The runner of the suite: every way in which a test file can go wrong makes the run fail, and no group runs twice at a time. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { checkout, run } from '../support/mpu.js';

interface FileRecord {
  test: string;
  pass: number;
  fail: number;
  skip: number;
  ok: boolean;
}

const HEAD = "import t from 'tap';\n";
const FILES = {
  right: `${HEAD}t.pass('one'); t.pass('two');`,
  wrong: `${HEAD}t.pass('one'); t.equal(1, 2, 'numbers');`,
  throws: `${HEAD}t.pass('one'); throw new Error('out of order');`,
  empty: '',
  killed: `${HEAD}t.pass('one'); setInterval(() => process.kill(process.pid, 'SIGKILL'), 100);`,
  skipped: `${HEAD}await t.test('needs a GPU', { skip: 'NOT TESTED: no GPU' }, () => undefined); t.pass('other');`,
  slow: `${HEAD}t.equal(process.env.TAP_TIMEOUT, '900'); setTimeout(() => t.pass('late'), 2_500);`,
  environment: `${HEAD}t.equal(process.env.NODE_OPTIONS, undefined, 'nothing is loaded into programs that a test starts');`,
};

/** Writes compiled test files; returns the directory and the paths of their sources, which need not exist. */
function compiledTests(t: Test, files: Readonly<Record<string, string>>): string[] {
  mkdirSync(join(checkout, 'build', 'test'), { recursive: true });
  const directory = mkdtempSync(join(checkout, 'build', 'test', 'planted-'));
  t.teardown(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  return Object.entries(files).map(([name, text]) => {
    writeFileSync(join(directory, `${name}.test.js`), text);
    return join('test', basename(directory), `${name}.test.ts`);
  });
}

/** Returns a program that runs tests and prints the record of each as a line. */
function program(tests: readonly string[], output: string, group: string): string {
  return `
    import { runSuite } from ${JSON.stringify(join(checkout, 'scripts', 'suite.js'))};
    const onEnd = (file) => console.log(JSON.stringify(file));
    const groupOf = () => ${group};
    const ok = await runSuite(${JSON.stringify(tests)}, { output: ${JSON.stringify(output)}, onEnd, groupOf });
    process.exitCode ??= ok ? 0 : 1;`;
}

async function runPlanted(
  t: Test,
  names: (keyof typeof FILES)[],
  env = process.env,
): Promise<{ status: number | null; files: FileRecord[] }> {
  const tests = compiledTests(t, Object.fromEntries(names.map((name) => [name, FILES[name]])));
  const output = join(checkout, 'build', 'test', `${basename(join(tests[0] ?? '', '..'))}.tap`);
  t.teardown(() => {
    rmSync(output, { force: true });
  });
  const ended = await run(process.execPath, ['--input-type=module', '-e', program(tests, output, 'undefined')], {
    env,
  });
  for (const test of tests) t.match(readFileSync(output, 'utf8'), `# Subtest: ${test}`, 'its output is kept');
  const files = ended.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as FileRecord);
  return { status: ended.status, files };
}

for (const name of ['wrong', 'throws', 'empty', 'killed'] as const) {
  void t.test(`a file that is ${name} beside one that is right`, async (t) => {
    const { status, files } = await runPlanted(t, [name, 'right']);
    t.equal(status, 1);
    const [planted, right] = ['/' + name, '/right'].map((end) =>
      files.find(({ test }) => test.endsWith(`${end}.test.ts`)),
    );
    t.equal(planted?.ok, false, 'it has failed');
    t.match(right, { ok: true, pass: 2, fail: 0 }, 'the other has passed');
  });
}

void t.test('skipped assertions are counted', async (t) => {
  const { status, files } = await runPlanted(t, ['skipped', 'environment']);
  t.equal(status, 0);
  t.match(
    files.find(({ test }) => test.endsWith('skipped.test.ts')),
    { ok: true, pass: 1, skip: 1 },
  );
});

void t.test('the limit of tap itself is for nobody', async (t) => {
  const { status, files } = await runPlanted(t, ['slow'], { ...process.env, TAP_TIMEOUT: '1' });
  t.equal(status, 0);
  t.match(files, [{ ok: true, pass: 2 }]);
});

void t.test('one file of a group at a time', async (t) => {
  const text = `${HEAD}import { mkdirSync, rmdirSync } from 'node:fs';
    mkdirSync(new URL('alone', import.meta.url)); await new Promise((resolve) => setTimeout(resolve, 300));
    rmdirSync(new URL('alone', import.meta.url)); t.pass('alone');`;
  const tests = compiledTests(t, { a: text, b: text, c: text });
  const ended = await run(process.execPath, ['--input-type=module', '-e', program(tests, '/dev/null', "'group'")]);
  t.equal(ended.status, 0, ended.stdout + ended.stderr);
});

void t.test('SIGTERM ends the run and its files', async (t) => {
  const tests = compiledTests(t, {
    sleeps: `${HEAD}console.error('asleep'); setTimeout(() => t.pass('late'), 60_000);`,
  });
  const child = spawn(process.execPath, ['--input-type=module', '-e', program(tests, '/dev/null', 'undefined')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await once(child.stderr, 'data');
  child.kill('SIGTERM');
  const ended = once(child, 'exit') as Promise<[number | null]>;
  const [status] = await Promise.race([ended, delay(20_000, ['did not end'], { ref: false })]);
  t.equal(status, 143);
});
