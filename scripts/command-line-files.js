#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-only
/** Writes what packages install beside the command: manual pages and completions. Usage: command-line-files.js DIR */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { bashCompletion } from '../dist/lib/command-line/bash-completion.js';
import { fishCompletion } from '../dist/lib/command-line/fish-completion.js';
import { manPages } from '../dist/lib/command-line/man-pages.js';
import { describeCommand } from '../dist/lib/command-line/tree.js';
import { zshCompletion } from '../dist/lib/command-line/zsh-completion.js';
import { Output } from '../dist/lib/terminal/output.js';
import { version } from '../dist/lib/package/version.js';
import { createProgram } from '../dist/program.js';

const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error('usage: command-line-files.js DIR');
const run = { output: new Output({ command: 'mpu', json: false }), signal: new AbortController().signal, exitCode: 0 };
const root = describeCommand(createProgram(run, { out: '', err: '' }));

const files = {
  ...Object.fromEntries(Object.entries(manPages(root, version)).map(([name, text]) => [join('man', name), text])),
  'completion/mpu.bash': bashCompletion(root),
  'completion/_mpu': zshCompletion(root),
  'completion/mpu.fish': fishCompletion(root),
};
// Written by hand: it is about no command.
await mkdir(join(directory, 'man'), { recursive: true });
await copyFile(new URL('../man/libmpu.7', import.meta.url), join(directory, 'man', 'libmpu.7'));
for (const [name, text] of Object.entries(files)) {
  const path = join(directory, name);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, text);
}
