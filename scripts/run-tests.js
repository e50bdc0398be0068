#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-only
/**
 * Runs a part of the suite, which has been built before.
 *
 *   scripts/run-tests.js fast        the checks of scripts/check.js, the rewrite core, libmpu.so, and the units of src/lib
 *   scripts/run-tests.js file PATH   test files, or the tests at the mirrored paths of source files
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { repository } from './source-files.js';

/** Directories below test/ that need neither root nor a network. */
const FAST = ['lib', 'preload', join('kernel', 'rm')];

function fail(message) {
  process.stderr.write(`run-tests: ${message}\n`);
  process.exit(2);
}

function node(script, ...options) {
  const { status } = spawnSync(process.execPath, [join(repository, script), ...options], {
    cwd: repository,
    stdio: 'inherit',
  });
  return status === 0;
}

/** Returns the compiled form of a test, a path relative to the repository. */
const compiled = (test) => join('build', test.replace(/\.ts$/, '.js'));

function tap(tests) {
  const missing = tests.map(compiled).filter((path) => !existsSync(join(repository, path)));
  if (missing.length > 0) fail(`${missing.join(', ')} is not built; run: scripts/bootstrap.sh fast`);
  return node(join('node_modules', 'tap', 'dist', 'esm', 'run.mjs'), ...tests.map(compiled));
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

const [what, ...paths] = process.argv.slice(2);
if (what === 'file') {
  if (paths.length === 0) fail('name a test, for example: npm run test:file -- test/lib/terminal/table.test.ts');
  process.exit(tap(paths.map(testOf)) ? 0 : 1);
} else if (what === 'fast') {
  const tests = FAST.flatMap((directory) =>
    readdirSync(join(repository, 'test', directory), { recursive: true })
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => join('test', directory, name)),
  );
  // Both run, so that one look shows all faults.
  const results = [node('scripts/check.js'), tap(tests)];
  process.exit(results.every(Boolean) ? 0 : 1);
} else {
  fail('usage: run-tests.js fast | file PATH...');
}
