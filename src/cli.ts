#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-only
/** The `mpu` command. */
import { Command, CommanderError, Option } from 'commander';
import type { RegisterCommand, Run } from './commands/command.js';
import { registerCdi } from './commands/cdi.js';
import { registerDemo } from './commands/demo.js';
import { registerDockerfile } from './commands/dockerfile.js';
import { registerEject } from './commands/eject.js';
import { registerInject } from './commands/inject.js';
import { registerInspect } from './commands/inspect.js';
import { registerModule } from './commands/module.js';
import { ExitCode, MpuError, errnoName, messageOf } from './lib/errors.js';
import { Output } from './lib/output.js';
import { version } from './lib/version.js';

/** Every command, in the order of the help. */
const COMMANDS: readonly RegisterCommand[] = [
  registerInject,
  registerEject,
  registerInspect,
  registerDockerfile,
  registerCdi,
  registerModule,
  registerDemo,
];

const FALSE_WORDS = ['', '0', 'false', 'no', 'off'];
const isFalse = (value: string | undefined): boolean => FALSE_WORDS.includes((value ?? '').toLowerCase());

/** What commander has to say, kept until it is known how to print it. */
interface Said {
  out: string;
  err: string;
}

function createProgram(run: Run, said: Said): Command {
  const program = new Command('mpu')
    .description('Right GPU process lists inside containers, on every NVIDIA driver.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .addOption(new Option('--json', 'print one JSON document instead of text').env('MPU_JSON'))
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => (said.out += text),
      writeErr: (text) => (said.err += text),
    })
    .exitOverride()
    .addHelpText('after', '\nExamples:\n  mpu inject nvidia/cuda:12.4.1-base-ubuntu22.04\n  mpu inject --help\n');
  // Commands copy the settings above when they are added.
  for (const register of COMMANDS) register(program, run);
  return program;
}

/** commander takes any value of a flag's variable for yes; no and 0 have to mean no. */
function dropFalseFlags(command: Command): void {
  for (const { envVar, ...option } of command.options) {
    const isFlag = !option.required && !option.optional;
    if (envVar !== undefined && isFlag && isFalse(process.env[envVar])) Reflect.deleteProperty(process.env, envVar);
  }
  for (const child of command.commands) dropFalseFlags(child);
}

/** Which JSON or text to print for what commander threw; returns the exit code. */
function reportCommander(error: CommanderError, said: Said, output: Output): number {
  if (error.exitCode === 0) {
    const text = said.out;
    output.result(text, error.code === 'commander.version' ? { version } : { help: text });
    return ExitCode.ok;
  }
  if (error.code === 'commander.help') {
    const usage = { code: 'usage', what: 'no command was given', why: 'mpu needs one', exitCode: ExitCode.usage };
    if (output.json) output.error(new MpuError({ ...usage, next: 'mpu --help' }));
    else output.note(said.err.trimEnd());
    return ExitCode.usage;
  }
  output.error(
    new MpuError({
      code: 'usage',
      what: 'cannot understand the command line',
      why: error.message.replace(/^error: /, '').replaceAll('\n', ' '),
      next: 'mpu --help, or mpu COMMAND --help',
      exitCode: ExitCode.usage,
    }),
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

/** Fires at the first SIGINT, SIGTERM or SIGHUP; the second one ends the program at once. */
function interruptSignal(output: Output): AbortSignal {
  const controller = new AbortController();
  for (const [name, number] of [['SIGINT', 2], ['SIGTERM', 15], ['SIGHUP', 1]] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(128 + number);
      output.note(`${name}: cleaning up; once more to leave at once`);
      controller.abort(name);
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
  const said: Said = { out: '', err: '' };
  const program = createProgram({ output, signal: interruptSignal(output) }, said);
  dropFalseFlags(program);
  try {
    await program.parseAsync(args, { from: 'user' });
    return ExitCode.ok;
  } catch (error) {
    if (error instanceof CommanderError) return reportCommander(error, said, output);
    const failure = error instanceof MpuError ? error : unexpected(error);
    output.error(failure);
    return failure.exitCode;
  }
}

// A reader that has seen enough (`mpu --help | head -1`) is no error.
process.stdout.on('error', (error) => {
  if (errnoName(error) === 'EPIPE') process.exit(ExitCode.ok);
  throw error;
});

// The exit code, not process.exit: stdout may be a pipe that is still being written.
process.exitCode = await main(process.argv.slice(2));
