#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-only
/**
 * Formats every C, TypeScript and JavaScript file of this repository.
 *
 *   scripts/format.js            formats
 *   scripts/format.js --fetch    fetches the formatter of C alone
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { clangFormat, isC, isScript, repository, sourceFiles } from './source-files.js';

const formatter = clangFormat();
if (process.argv.includes('--fetch')) process.exit(0);

const files = sourceFiles(repository);
const pathsOf = (test) => files.filter(test).map(({ path }) => path);
const prettier = join(repository, 'node_modules', 'prettier', 'bin', 'prettier.cjs');

for (const [program, ...options] of [
  [process.execPath, prettier, '--write', '--ignore-path=', '--log-level=warn', ...pathsOf(isScript)],
  [formatter, '-i', ...pathsOf(isC)],
]) {
  const { status } = spawnSync(program, options, { cwd: repository, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
