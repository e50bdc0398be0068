#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-only
/** The `mpu` command. */
import { CommanderError, type Command, type Option } from 'commander';
import type { Run } from './commands/command.js';
import { ExitCode, MpuError, errnoName, fileError, messageOf, usageError } from './lib/errors.js';
import { Output } from './lib/terminal/output.js';
import { version } from './lib/package/version.js';
import { createProgram, type CapturedOutput } from './program.js';

const FALSE_WORDS = ['', '0', 'false', 'no', 'off'];
const isFalse = (value: string | undefined): boolean => FALSE_WORDS.includes((value ?? '').toLowerCase());

/** An empty variable counts as unset; and commander takes any value of a flag's variable for yes, where no and 0 have to mean no. */
function dropUnsetVariables(command: Command): void {
  for (const { envVar, ...option } of command.options) {
    if (envVar === undefined) continue;
    const isFlag = !option.required && !option.optional;
    if (process.env[envVar] === '' || (isFlag && isFalse(process.env[envVar])))
      Reflect.deleteProperty(process.env, envVar);
  }
  for (const child of command.commands) dropUnsetVariables(child);
}

/** What an option conflicts with, which commander's types leave out. */
function conflictsOf(option: Option): readonly unknown[] {
  const names: unknown = Reflect.get(option, 'conflictsWith');
  return Array.isArray(names) ? names : [];
}

/** A flag that was typed wins over the variable of one that it conflicts with; commander takes the two for a contradiction. */
function dropOverruledVariables(command: Command): void {
  for (const option of command.options) {
    const rivals = command.options.filter(
      (other) =>
        conflictsOf(other).includes(option.attributeName()) || conflictsOf(option).includes(other.attributeName()),
    );
    for (const { envVar } of rivals) {
      // What was typed is parsed, and tells so, before the variables are read.
      if (envVar !== undefined)
        command.on(`option:${option.name()}`, () => Reflect.deleteProperty(process.env, envVar));
    }
  }
  for (const child of command.commands) dropOverruledVariables(child);
}

/** Returns the command that the operands name, with the commands above it: `mpu module load`. */
function commandOf(program: Command, operands: readonly string[]): string {
  const path = [program.name()];
  let at: Command | undefined = program;
  for (const operand of operands.filter((each) => !each.startsWith('-'))) {
    at = at.commands.find((command) => command.name() === operand || command.aliases().includes(operand));
    if (at === undefined) break;
    path.push(at.name());
  }
  return path.join(' ');
}

/** Which JSON or text to print for what commander threw; returns the exit code. */
function reportCommander(error: CommanderError, command: string, captured: CapturedOutput, output: Output): number {
  if (error.exitCode === 0) {
    const text = captured.out;
    output.result(text, error.code === 'commander.version' ? { version } : { help: text });
    return ExitCode.ok;
  }
  if (error.code === 'commander.help') {
    const usage = { code: 'usage', what: 'no command was given', why: 'mpu needs one', exitCode: ExitCode.usage };
    if (output.json) output.error(new MpuError({ ...usage, next: 'mpu --help' }));
    else output.note(captured.err.trimEnd());
    return ExitCode.usage;
  }
  output.error(
    usageError(
      'cannot understand the command line',
      error.message.replace(/^error: /, '').replaceAll('\n', ' '),
      `${command} --help`,
    ),
  );
  return ExitCode.usage;
}

function unexpected(error: unknown): MpuError {
  const stack = error instanceof Error ? error.stack : undefined;
  return new MpuError({
    code: 'unexpected',
    what: 'something went wrong inside mpu',
    why: (process.env.MPU_DEBUG ?? '') === '' ? messageOf(error) : (stack ?? messageOf(error)),
    next: 'run it again with MPU_DEBUG=1 and report what it says',
    cause: error,
  });
}

const PATIENCE_MS = 500;

/** Fires at the first SIGINT, SIGTERM or SIGHUP; the second one ends the program at once. */
function interruptSignal(output: Output): AbortSignal {
  const controller = new AbortController();
  for (const [name, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(128 + number);
      controller.abort(name);
      // Nothing to say where it ends before anybody could wonder.
      setTimeout(() => {
        output.note(`${name}: cleaning up; once more to leave at once`);
      }, PATIENCE_MS).unref();
    });
  }
  return controller.signal;
}

async function main(args: readonly string[]): Promise<number> {
  const operands = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  const json = operands.includes('--json') || !isFalse(process.env.MPU_JSON);
  const [first = 'mpu', verb = ''] = operands.filter((arg) => !arg.startsWith('-'));
  const command = ['module', 'cdi'].includes(first) ? `${first} ${verb}`.trimEnd() : first;
  const output = new Output({ command, json });
  const captured: CapturedOutput = { out: '', err: '' };
  const run: Run = { output, signal: interruptSignal(output), exitCode: ExitCode.ok };
  const program = createProgram(run, captured);
  dropUnsetVariables(program);
  dropOverruledVariables(program);
  try {
    await program.parseAsync(args, { from: 'user' });
    return run.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return reportCommander(error, commandOf(program, operands), captured, output);
    const failure = error instanceof MpuError ? error : unexpected(error);
    output.error(failure);
    return failure.exitCode;
  }
}

// A reader that has seen enough (`mpu --help | head -1`) is no error. A full disk is one that cannot be printed there.
process.stdout.on('error', (error) => {
  if (errnoName(error) === 'EPIPE') process.exit(ExitCode.ok);
  const failure = fileError(error, 'cannot write the output');
  new Output({ command: 'mpu', json: false }).error(failure);
  process.exit(failure.exitCode);
});
// The result matters more than notes.
process.stderr.on('error', () => undefined);

// The exit code, not process.exit: stdout may be a pipe that is still being written.
process.exitCode = await main(process.argv.slice(2));
