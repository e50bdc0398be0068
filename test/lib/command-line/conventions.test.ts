// SPDX-License-Identifier: GPL-2.0-only
/** What holds for every command of mpu. */
import t from 'tap';
import { allCommands } from '#mpu/lib/command-line/tree.js';
import { mpu } from '../mpu.js';
import { ownCommandLine } from './program.js';

/** Flags that answer by themselves and so need no variable. */
const SELF_CONTAINED = ['--help', '--version'];

const root = ownCommandLine();
const commands = allCommands(root);

await t.test('every flag has an environment variable of ours', (t) => {
  for (const { path, flags } of commands) {
    for (const { long, variable } of flags.filter((flag) => !SELF_CONTAINED.includes(flag.long))) {
      t.match(variable ?? '', /^MPU_[A-Z_]+$/, `${path.join(' ')} ${long}`);
    }
  }
  t.end();
});

await t.test('every command has a summary, a description and examples', (t) => {
  for (const { path, summary, description, epilogue } of commands) {
    const name = path.join(' ');
    t.not(summary, '', `${name}: summary`);
    t.ok(description.length >= summary.length, `${name}: description`);
    t.match(epilogue, /^Examples:\n {2}\S/m, `${name}: examples`);
    t.ok(epilogue.split('\n').every((line) => line.length <= 88), `${name}: examples fit a terminal`);
  }
  t.end();
});

await t.test('an unknown flag is a usage error of one JSON document, for every command', async (t) => {
  const names = commands.map(({ path }) => path.slice(1));
  for (const name of names) {
    const { status, stdout, stderr } = await mpu([...name, '--no-such-flag', '--json']);
    t.equal(status, 2, name.join(' '));
    t.equal(stderr, '');
    const document = JSON.parse(stdout) as { schemaVersion: unknown; ok: unknown; error: { code: unknown; next: unknown } };
    t.match(document, { schemaVersion: 1, ok: false, error: { code: 'usage', next: /mpu/ } });
  }
});

await t.test('help of every command goes to stdout', async (t) => {
  for (const { path } of commands) {
    const { status, stdout, stderr } = await mpu([...path.slice(1), '--help']);
    t.equal(status, 0, path.join(' '));
    t.match(stdout, `Usage: ${path.join(' ')}`);
    t.equal(stderr, '');
  }
});
