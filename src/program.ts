// SPDX-License-Identifier: GPL-2.0-only
/** The command line as a tree of commands: what parses it, and what its help, man pages and completions are made from. */
import { Command, Option } from 'commander';
import type { RegisterCommand, Run } from './commands/command.js';
import { registerCdi } from './commands/cdi.js';
import { registerCompletion } from './commands/completion.js';
import { registerDemo } from './commands/demo.js';
import { registerDockerfile } from './commands/dockerfile.js';
import { registerDoctor } from './commands/doctor.js';
import { registerEject } from './commands/eject.js';
import { registerInject } from './commands/inject.js';
import { registerInspect } from './commands/inspect.js';
import { registerMetrics } from './commands/metrics.js';
import { registerModule } from './commands/module.js';
import { registerPidns } from './commands/pidns.js';
import { registerPs } from './commands/ps.js';
import { registerStatus } from './commands/status.js';
import { registerTranslate } from './commands/translate.js';
import { registerXid } from './commands/xid.js';
import { version } from './lib/package/version.js';

/** Every command, in the order of the help. */
const COMMANDS: readonly RegisterCommand[] = [
  registerInject,
  registerEject,
  registerInspect,
  registerDockerfile,
  registerCdi,
  registerModule,
  registerPidns,
  registerDoctor,
  registerStatus,
  registerPs,
  registerTranslate,
  registerXid,
  registerMetrics,
  registerDemo,
  registerCompletion,
];

/** What commander has to say, kept until it is known how to print it. */
export interface CapturedOutput {
  out: string;
  err: string;
}

/** Lines of a paragraph become one, for commander breaks it where the terminal ends; indented ones stay. */
const joinLines = (text: string): string => text.replace(/(\S)\n(?=\S)/g, '$1 ');

/** The whole command line. Parsing throws commander's errors and the MpuErrors of the commands. */
export function createProgram(run: Run, captured: CapturedOutput): Command {
  const program = new Command('mpu')
    .description('Right GPU process lists inside containers, on every NVIDIA driver.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .addOption(new Option('--json', 'print one JSON document instead of text').env('MPU_JSON'))
    .configureHelp({ showGlobalOptions: true, commandDescription: (command) => joinLines(command.description()) })
    .configureOutput({
      writeOut: (text) => (captured.out += text),
      writeErr: (text) => (captured.err += text),
    })
    .exitOverride()
    .addHelpText(
      'after',
      '\nExamples:\n  mpu inject nvidia/cuda:12.4.1-base-ubuntu22.04\n  mpu inject --help\n\nExit codes: each command lists its own; 130 after Ctrl-C, 143 after SIGTERM.\n',
    );
  // Commands copy the settings above when they are added.
  for (const register of COMMANDS) register(program, run);
  return program;
}
