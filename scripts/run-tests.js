#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-only
/**
 * Runs the suite or a part of it, which has been built before. Prints a line for each file, and what failed. All output is in
 * build/test.tap, seconds and counts by file in build/test.json; those of a part in build/test-part.*.
 *
 *   scripts/run-tests.js all         every test
 *   scripts/run-tests.js fast        the checks of scripts/check.js, the rewrite core, libmpu.so and its cost, and the units of src/lib
 *   scripts/run-tests.js file PATH   test files, or the tests at the mirrored paths of source files
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { inspect } from 'node:util';
import { repository } from './source-files.js';
import { runSuite, testsBelow, unbuilt } from './suite.js';

/** Directories below test/ that need neither root nor a network. */
const FAST = ['lib', 'preload', 'bench', join('kernel', 'rm')];
const CHECKS = join('test', 'scripts', 'check.test.ts');

/**
 * Files that take longest start first, so that no processor is left with one of them at the end. Guests are among them, for
 * they run one at a time. The first file packs the npm tarball; others that need it come later, when it is there.
 */
const SLOW = [
  'test/packaging/npm.test.ts',
  'test/guest/linux-6.12.test.ts',
  'test/guest/linux-6.12-arm64.test.ts',
  'test/guest/linux-6.1.test.ts',
  'test/guest/linux-7.3.test.ts',
  'test/guest/linux-5.10.test.ts',
  'test/guest/linux-7.2.test.ts',
  'test/guest/linux-6.1-arm64.test.ts',
  'test/guest/linux-6.12-counted.test.ts',
  'test/packaging/debian.test.ts',
  'test/commands/module/dkms.test.ts',
  'test/docs/typescript-api.test.ts',
  'test/index.test.ts',
];

function fail(message) {
  process.stderr.write(`run-tests: ${message}\n`);
  process.exit(2);
}

/** Returns the test that a path stands for: the path itself, or the mirror of a source file. */
function testOf(argument) {
  const path = relative(repository, resolve(argument));
  if (!existsSync(join(repository, path))) fail(`there is no file ${argument}`);
  if (path.endsWith('.test.ts')) return path;
  const mirror = path.replace(/^src\//, 'test/').replace(/\.ts$/, '.test.ts');
  if (mirror === path || !existsSync(join(repository, mirror))) {
    fail(`${path} is not a test, and there is none at its mirrored path; name a file test/**/*.test.ts`);
  }
  return mirror;
}

function choose(what, paths) {
  switch (what) {
    case 'all':
      return [...new Set([...SLOW, ...testsBelow('.')])];
    case 'fast':
      return [CHECKS, ...testsBelow(...FAST)];
    case 'file':
      if (paths.length === 0) fail('name a test, for example: npm run test:file -- test/lib/terminal/table.test.ts');
      return paths.map(testOf);
    default:
      return fail('usage: run-tests.js all | fast | file PATH...');
  }
}

const [what, ...paths] = process.argv.slice(2);
// A test of the suite runs this program, and must not write over what the suite writes.
const name = what === 'all' ? 'test' : 'test-part';
const OUTPUT = join(repository, 'build', `${name}.tap`);
const RECORD = join(repository, 'build', `${name}.json`);
const tests = choose(what, paths);
const missing = unbuilt(tests);
if (missing.length > 0) fail(`not built: ${missing.join(', ')}; run: scripts/bootstrap.sh fast`);

/** Returns the counts of a file, or of several, as one line. */
function countLine(files) {
  const sum = (key) => files.reduce((total, file) => total + file[key], 0);
  return `${sum('pass')} passed, ${sum('fail')} failed, ${sum('skip')} skipped`;
}

const files = [];
const ok = await runSuite(tests, {
  output: OUTPUT,
  // Guests take turns: each keeps a processor busy.
  groupOf: (test) => (test.startsWith(join('test', 'guest', 'linux-')) ? 'guest' : undefined),
  onEnd: (file) => {
    files.push(file);
    const verdict = file.ok ? 'ok    ' : 'not ok';
    const progress = `[${files.length}/${tests.length}]`;
    process.stdout.write(`${verdict} ${progress} ${file.test}: ${countLine([file])}, ${file.seconds.toFixed(1)} s\n`);
    for (const failure of file.failures)
      process.stdout.write(`${inspect(failure, { depth: 6 }).replace(/^/gm, '    ')}\n`);
  },
});
writeFileSync(RECORD, `${JSON.stringify(files, null, 1)}\n`);

if (what === 'all') {
  const slowest = files.toSorted((a, b) => b.seconds - a.seconds).slice(0, 10);
  process.stdout.write('\nThe slowest files:\n');
  for (const { test, seconds } of slowest) process.stdout.write(`${seconds.toFixed(0).padStart(6)} s  ${test}\n`);
}
const failed = files.filter((file) => !file.ok).map(({ test }) => test);
if (failed.length > 0) process.stdout.write(`\nFailed: ${failed.join(' ')}\n`);
process.stdout.write(`\n${countLine(files)}; all output is in ${relative(process.cwd(), OUTPUT)}\n`);
process.exitCode ??= ok && files.length === tests.length ? 0 : 1;
