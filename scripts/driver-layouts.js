#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-only
/**
 * Compares a source tree of NVIDIA's open GPU kernel modules with kernel/rm/layouts.c. Usage: driver-layouts.js TREE
 *
 * Compiles the layouts of the known controls from the tree's own headers, and lists structures with members named
 * after PIDs that are none of the known ones. Exit status: 0 nothing differs, 1 something does, 2 usage, 3 the tree
 * cannot be compiled.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const checkout = dirname(dirname(fileURLToPath(import.meta.url)));
const INCLUDE = 'src/common/sdk/nvidia/inc';
const CONTROLS = join(INCLUDE, 'ctrl');

/** Structures with PIDs that are in layouts.c, or that no program in a container is given; see docs/release.md. */
const KNOWN = new Set(
  readFileSync(join(checkout, 'scripts', 'driver-structures.txt'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#')),
);

function fail(status, text) {
  process.stderr.write(`driver-layouts.js: ${text}\n`);
  process.exit(status);
}

/** Structures of a header that have a member named after a process id. */
function structuresWithPids(path) {
  const text = readFileSync(path, 'utf8')
    .replace(/\/\*.*?\*\//gs, '')
    .replace(/\/\/.*$/gm, '');
  const found = [];
  for (const [, name, body] of text.matchAll(/typedef struct (\w+) \{(.*?)\n\}/gs)) {
    if (/\b(?:\w*[a-z])?(?:[pP]id|PID|[pP]roc(?:ess)?I[dD])(?:[A-Z0-9]\w*)?(?:\[[^\]]*\])?\s*[;,]/.test(body))
      found.push(name);
  }
  return found;
}

function headers(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return headers(path);
    return entry.name.endsWith('.h') ? [path] : [];
  });
}

function compileAndRun(tree) {
  const directory = mkdtempSync(join(tmpdir(), 'mpu-layouts-'));
  try {
    const program = join(directory, 'driver-layouts');
    const sources = ['layouts.c', 'params.c'].map((name) => join(checkout, 'kernel', 'rm', name));
    const options = ['-std=gnu11', '-w', `-I${join(checkout, 'kernel')}`, `-I${join(tree, INCLUDE)}`, '-o', program];
    const compiled = spawnSync('cc', [...options, join(checkout, 'scripts', 'driver-layouts.c'), ...sources], {
      encoding: 'utf8',
    });
    if (compiled.status !== 0)
      fail(3, `the headers of ${tree} cannot be compiled: ${compiled.stderr || compiled.error}`);
    return spawnSync(program, { encoding: 'utf8' });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const [tree, ...rest] = process.argv.slice(2);
if (tree === undefined || rest.length > 0) fail(2, 'usage: driver-layouts.js TREE');
if (!existsSync(join(tree, CONTROLS))) fail(3, `${tree} is no source tree of the open driver: ${CONTROLS} is missing`);
const version = /^NVIDIA_VERSION = (\S+)$/m.exec(
  existsSync(join(tree, 'version.mk')) ? readFileSync(join(tree, 'version.mk'), 'utf8') : '',
)?.[1];
process.stdout.write(`release ${version ?? 'unknown: there is no version.mk'}\n`);
const compared = compileAndRun(tree);
process.stdout.write(compared.stdout);
const unknown = headers(join(tree, CONTROLS)).flatMap((path) =>
  structuresWithPids(path)
    .filter((name) => !KNOWN.has(name))
    .map((name) => `unknown ${name}, in ${relative(tree, path)}: has a PID\n`),
);
process.stdout.write(unknown.join(''));
process.exit(compared.status === 0 && unknown.length === 0 ? 0 : 1);
