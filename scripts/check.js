#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-only
/**
 * Checks every source file of the work tree in the current directory, without building or running anything: licence and length,
 * format, eslint, types, shellcheck. Prints TAP; the exit status is 1 when a check fails.
 *
 *   scripts/check.js                 all checks
 *   scripts/check.js format shell    these checks
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { clangFormat, isC, isScript, isShell, isSource, repository, sourceFiles } from './source-files.js';

const MAX_LINES = 500;
const directory = process.cwd();
const files = sourceFiles(directory);
const pathsOf = (test) => files.filter(test).map(({ path }) => path);
const tool = (name, entry) => [process.execPath, join(repository, 'node_modules', name, entry)];

/** Runs a program to its end; returns its output when it fails, else nothing. */
function run([program, ...options]) {
  return new Promise((resolve) => {
    const child = spawn(program, options, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.on('error', (error) => resolve(error.message));
    child.on('close', (status) => resolve(status === 0 ? '' : `${Buffer.concat(output)}`.trim() || `status ${status}`));
  });
}

/** Runs a program on paths. Nothing to check is nothing wrong. */
const runOn = (paths, command) => (paths.length === 0 ? '' : run([...command, ...paths]));

function licences() {
  const head = ({ text }) => text.split('\n', 3).join('\n');
  const without = files
    .filter(isSource)
    .filter((file) => !head(file).includes('SPDX-License-Identifier: GPL-2.0-only'));
  return without
    .map(({ path }) => `${path}: no line "SPDX-License-Identifier: GPL-2.0-only" among its first three`)
    .join('\n');
}

function lengths() {
  const lines = ({ text }) => text.split('\n').length - 1;
  const long = files.filter(isSource).filter((file) => lines(file) > MAX_LINES);
  return long.map((file) => `${file.path}: ${lines(file)} lines; at most ${MAX_LINES}`).join('\n');
}

// The longest first.
const CHECKS = {
  eslint: () =>
    run([...tool('eslint', 'bin/eslint.js'), '--max-warnings=0', '--cache', '--cache-location', 'build/eslint/', '.']),
  types: () => run([...tool('typescript', 'bin/tsc'), '-b', 'test']),
  prettier: () =>
    runOn(pathsOf(isScript), [
      ...tool('prettier', 'bin/prettier.cjs'),
      '--check',
      '--ignore-path=',
      '--cache',
      '--cache-location=build/prettier',
    ]),
  'clang-format': () => runOn(pathsOf(isC), [clangFormat(), '--dry-run', '-Werror']),
  shellcheck: () => runOn(pathsOf(isShell), ['shellcheck', '--']),
  licence: licences,
  length: lengths,
};

const unknown = process.argv.slice(2).filter((name) => !(name in CHECKS));
if (unknown.length > 0) {
  process.stderr.write(`unknown check: ${unknown.join(', ')}; there are: ${Object.keys(CHECKS).join(', ')}\n`);
  process.exit(2);
}
const wanted = Object.entries(CHECKS).filter(([name]) => process.argv.length < 3 || process.argv.includes(name));

let reported = 0;
async function report([name, check]) {
  const start = Date.now();
  let fault;
  try {
    fault = await check();
  } catch (error) {
    fault = error.message;
  }
  if (fault !== '') process.exitCode = 1;
  const seconds = ((Date.now() - start) / 1000).toFixed(1);
  const indented = fault === '' ? '' : `\n${fault.replace(/^/gm, '# ')}`;
  process.stdout.write(`${fault === '' ? 'ok' : 'not ok'} ${++reported} - ${name} (${seconds} s)${indented}\n`);
}

const waiting = [...wanted];
async function work() {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await report(next);
}
process.stdout.write(`TAP version 14\n1..${wanted.length}\n`);
await Promise.all(Array.from({ length: availableParallelism() }, work));
