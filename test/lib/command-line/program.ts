// SPDX-License-Identifier: GPL-2.0-only
/** The command line of mpu, as data. */
import { Output } from '#mpu/lib/output.js';
import { createProgram } from '#mpu/program.js';
import { describeCommand, type CommandSpec } from '#mpu/lib/command-line/tree.js';

/** mpu's own command line. */
export function ownCommandLine(): CommandSpec {
  const run = { output: new Output({ command: 'mpu', json: false }), signal: new AbortController().signal, exitCode: 0 };
  return describeCommand(createProgram(run, { out: '', err: '' }));
}
