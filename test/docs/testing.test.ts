// SPDX-License-Identifier: GPL-2.0-only
/** What docs/testing.md says to type is typed here, as it stands there. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '#mpu/lib/package/root.js';
import { codeBlocks } from '../support/docs.js';

const PAGE = 'docs/testing.md';

function run(script: string): { status: number | null; output: string } {
  const result = spawnSync('bash', ['-euc', script], { cwd: packageRoot, encoding: 'utf8', maxBuffer: 1 << 26 });
  return { status: result.status, output: `${result.stdout}${result.stderr}` };
}

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

void t.test('benchmarks', (t) => {
  const [, suite, , , benchmarks] = codeBlocks(PAGE, 'sh');
  t.equal(suite, 'npm test');
  const { status, output } = run(benchmarks ?? '');
  t.equal(status, 0, output);
  t.match(output, /ratio/);
  const text = readFileSync(join(packageRoot, PAGE), 'utf8');
  const scripts = readdirSync(join(packageRoot, 'bench')).filter((name) =>
    isExecutable(join(packageRoot, 'bench', name)),
  );
  t.ok(scripts.length >= 5);
  for (const name of scripts) t.match(text, `\n| \`bench/${name}\` | `, `bench/${name} is in the list`);
  t.end();
});

const gpu =
  spawnSync('nvidia-smi', ['-L']).error === undefined
    ? 'NOT TESTED here: this machine has a GPU, npm run test:gpu tests it'
    : false;
void t.test('acceptance, on a machine without a GPU', { skip: gpu }, (t) => {
  const [, , acceptance, client] = codeBlocks(PAGE, 'sh');
  t.equal(acceptance, 'sudo npm run test:gpu -- --markdown docs/gpu-results.md');
  t.equal(client, 'sudo npm run test:gpu -- --simulated-client --log results');
  for (const command of ['npm run test:gpu', 'npm run test:gpu -- --simulated-client']) {
    const { status, output } = run(command);
    t.equal(status, 3, output);
    t.match(output, /^1\.\.0 # SKIP NOT TESTED: /m, 'says why');
  }
  t.end();
});

// The scripts behind these commands are run by test/scripts; the build before them has been done.
void t.test('the commands of every day', (t) => {
  const { scripts } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const text = readFileSync(join(packageRoot, PAGE), 'utf8');
  for (const name of ['check', 'format', 'test:fast', 'test:file']) {
    t.match(text, `| \`npm run ${name}`, `${name} is in the table`);
    t.ok(scripts[name], `npm has ${name}`);
  }
  const [one] = codeBlocks(PAGE, 'sh');
  t.match(one, /^npm run test:file -- src\/\S+\.ts$/);
  const script = scripts['test:file']?.split(' && ').at(-1) ?? '';
  const { status, output } = run((one ?? '').replace('npm run test:file --', script));
  t.equal(status, 0, output);
  t.end();
});

void t.test('what the table names is there', (t) => {
  const text = readFileSync(join(packageRoot, PAGE), 'utf8');
  const places = [...text.matchAll(/^\| [^|]* \| ([^|]*) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`(test\/[^`]*)`/g)].map(([, place = '']) => place),
  );
  t.ok(places.length >= 15);
  for (const place of places) t.equal(run(`ls -d ${place}`).status, 0, place);
  const { scripts } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  for (const [, name = ''] of text.matchAll(/npm run ([\w:-]+)/g)) t.ok(scripts[name], name);
  t.end();
});
