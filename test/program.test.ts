// SPDX-License-Identifier: GPL-2.0-only
/** What holds for every command of mpu. */
import { join } from 'node:path';
import t from 'tap';
import { allCommands } from '#mpu/lib/command-line/tree.js';
import { mpu } from './support/mpu.js';
import { flagAfter, ownCommandLine } from './lib/command-line/program.js';

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

/** What commands ask for besides operands. */
const MANDATORY: Record<string, readonly string[]> = { dockerfile: ['--from', 'image'] };

await t.test('every variable stands in for its flag', (t) => {
  for (const { path, flags, operands, commands: children } of commands) {
    for (const { long, variable, value } of children.length > 0 ? [] : [...flags, ...root.flags]) {
      if (variable === undefined) continue;
      const words = path.slice(1);
      const needed = MANDATORY[words.join(' ')] ?? [];
      const isNeeded = needed.includes(long);
      const args = [...(isNeeded ? [] : needed), ...operands.map(({ choices }) => choices[0] ?? 'operand')];
      if (!isNeeded)
        t.notOk(
          ['env', 'cli'].includes(flagAfter(words, args, long).from ?? ''),
          `${path.join(' ')} ${long}: not given`,
        );
      // `--no-dkms` is what makes `dkms` false.
      const switched = !long.startsWith('--no-');
      process.env[variable] = value === undefined ? '1' : (value.choices[0] ?? 'value');
      t.same(
        flagAfter(words, args, long),
        { value: value === undefined ? switched : process.env[variable], from: 'env' },
        variable,
      );
      const given = value === undefined ? [] : [value.choices.at(-1) ?? 'other'];
      t.same(
        flagAfter(words, [...args, long, ...given], long),
        { value: given[0] ?? switched, from: 'cli' },
        'a flag wins',
      );
      Reflect.deleteProperty(process.env, variable);
    }
  }
  t.end();
});

await t.test('an empty variable counts as unset', async (t) => {
  const flags = commands.flatMap((command) => command.flags);
  const empty = Object.fromEntries(flags.flatMap(({ variable }) => (variable === undefined ? [] : [[variable, '']])));
  t.ok(Object.keys(empty).length >= 20, `${Object.keys(empty).length} variables`);
  const env = { PATH: '/nonexistent', MPU_PIDNS: '/proc/self/ns/pid' };
  for (const args of [
    ['ps'],
    ['metrics'],
    ['xid'],
    ['translate', '1', '--to-container'],
    ['status'],
    ['cdi', 'generate', '--output', join(t.testdir(), 'spec.json')],
    ['module', 'status'],
    ['dockerfile', '--from', 'x'],
  ]) {
    const [plain, other] = [await mpu(args, { env }), await mpu(args, { env: { ...env, ...empty } })];
    t.equal(other.status, plain.status, args.join(' '));
    t.equal(other.stderr, plain.stderr);
  }
  const { stderr } = await mpu(['ps', '--watch', ''], { env });
  t.match(stderr, /"" is no number of seconds/, 'an empty value of a flag does not');
});

await t.test('every command has a summary, a description and examples', (t) => {
  for (const { path, summary, description, epilogue } of commands) {
    const name = path.join(' ');
    t.not(summary, '', `${name}: summary`);
    t.ok(description.length >= summary.length, `${name}: description`);
    t.match(epilogue, /^Examples:\n {2}\S/m, `${name}: examples`);
    t.ok(
      epilogue.split('\n').every((line) => line.length <= 88),
      `${name}: examples fit a terminal`,
    );
  }
  t.end();
});

await t.test('an unknown flag is a usage error of one JSON document, for every command', async (t) => {
  const names = commands.map(({ path }) => path.slice(1));
  for (const name of names) {
    const { status, stdout, stderr } = await mpu([...name, '--no-such-flag', '--json']);
    t.equal(status, 2, name.join(' '));
    t.equal(stderr, '');
    const document = JSON.parse(stdout) as {
      schemaVersion: unknown;
      ok: unknown;
      error: { code: unknown; next: unknown };
    };
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
