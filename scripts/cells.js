#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-only
/**
 * Prints what the last `npm test` covered, from build/test.tap: assertions by test file, and by kernel and subject of the
 * guests. A kernel and a subject together are a cell.
 *
 *   scripts/cells.js            both tables
 *   scripts/cells.js check      fails when a cell of test/guest/cells.tsv is gone or has lost assertions
 *   scripts/cells.js record     writes test/guest/cells.tsv
 */
import { createReadStream, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Parser } from 'tap-parser';
import { repository } from './source-files.js';

const GUESTS = 'test/guest/linux-';
const HEAD = '# SPDX-License-Identifier: GPL-2.0-only\n# kernel\tsubject\tassertions\n';

function fail(message) {
  process.stderr.write(`cells: ${message}\n`);
  process.exit(2);
}

/** Collects the names and assertions of a parser and of the subtests in it. */
function collect(parser, name) {
  const node = { name, own: 0, children: [] };
  parser.on('assert', () => node.own++);
  parser.on('child', (child) => node.children.push(collect(child, child.name)));
  return node;
}

/** Returns the assertions of a test and its subtests; each subtest is an assertion of its parent, which does not count. */
const assertions = ({ own, children }) =>
  own - children.length + children.reduce((sum, child) => sum + assertions(child), 0);

/** Reads TAP; returns assertions by file, and by cell, each as [name, count]. */
async function read(path) {
  if (!existsSync(path)) fail(`${path} is missing; run: npm test`);
  const parser = new Parser();
  const suite = collect(parser, 'suite');
  await pipeline(createReadStream(path), parser);
  const files = suite.children.map((file) => [file.name, assertions(file)]);
  const cells = suite.children
    .filter((file) => file.name.startsWith(GUESTS))
    .flatMap((file) => file.children)
    .flatMap((kernel) => kernel.children.map((subject) => [`${kernel.name}\t${subject.name}`, assertions(subject)]));
  return { files, cells };
}

/** Returns the recorded cells as [name, count]. */
const recorded = (path) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [kernel, subject, count] = line.split('\t');
      return [`${kernel}\t${subject}`, Number(count)];
    });

/** Returns a sentence for each recorded cell that is gone or smaller. */
function losses(record, cells) {
  const found = new Map(cells);
  return record.flatMap(([name, count]) => {
    const cell = name.replace('\t', ', ');
    if (!found.has(name)) return [`${cell}: no longer tested`];
    return found.get(name) < count ? [`${cell}: ${found.get(name)} assertions in place of ${count}`] : [];
  });
}

const [verb = 'show', tap = join('build', 'test.tap'), record = join('test', 'guest', 'cells.tsv')] =
  process.argv.slice(2);
process.chdir(repository);
const { files, cells } = await read(tap);
const lines = (rows) =>
  rows
    .map(([name, count]) => `${name}\t${count}\n`)
    .sort()
    .join('');
switch (verb) {
  case 'show':
    process.stdout.write(`${lines(files)}\n${lines(cells)}`);
    break;
  case 'record':
    if (cells.length === 0) fail(`${tap} has no guests`);
    writeFileSync(record, HEAD + lines(cells));
    break;
  case 'check': {
    const found = losses(recorded(record), cells);
    for (const loss of found) process.stderr.write(`cells: ${loss}\n`);
    if (found.length > 0) {
      process.stderr.write(`If that is meant, change ${record}, or run: scripts/cells.js record\n`);
      process.exitCode = 1;
    }
    break;
  }
  default:
    fail('usage: cells.js [show | check | record]');
}
