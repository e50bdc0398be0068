// SPDX-License-Identifier: GPL-2.0-only
/** The command line of mpu, as data. */
import type { Command } from 'commander';
import { Output } from '#mpu/lib/terminal/output.js';
import { createProgram } from '#mpu/program.js';
import { describeCommand, type CommandSpec } from '#mpu/lib/command-line/tree.js';

function newProgram(): Command {
  const run = {
    output: new Output({ command: 'mpu', json: false }),
    signal: new AbortController().signal,
    exitCode: 0,
  };
  return createProgram(run, { out: '', err: '' });
}

/** mpu's own command line. */
export function ownCommandLine(): CommandSpec {
  return describeCommand(newProgram());
}

/** What a flag is after the words of a command, and other arguments, were parsed; nothing is run. `from` is where it was given. */
export function flagAfter(
  words: readonly string[],
  args: readonly string[],
  long: string,
): { value: unknown; from: string | undefined } {
  const program = newProgram();
  const command = words.reduce<Command | undefined>(
    (parent, word) => parent?.commands.find((each) => each.name() === word),
    program,
  );
  const owner = [command, program].find((each) => each?.options.some((option) => option.long === long));
  const name = owner?.options.find((option) => option.long === long)?.attributeName();
  if (command === undefined || owner === undefined || name === undefined)
    throw new RangeError(`mpu ${words.join(' ')} has no ${long}`);
  command.action(() => undefined);
  program.parse([...words, ...args], { from: 'user' });
  return { value: owner.getOptionValue(name) as unknown, from: owner.getOptionValueSource(name) };
}
