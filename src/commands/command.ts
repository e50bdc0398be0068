// SPDX-License-Identifier: GPL-2.0-only
/** What every command is given, and how a command is written. */
import type { Command } from 'commander';
import type { Output } from '../lib/terminal/output.js';

/** The run that a command is part of. */
export interface Run {
  readonly output: Output;
  /** Fires when the user interrupts; `reason` is the name of the signal. */
  readonly signal: AbortSignal;
  /** What to exit with when the action returns; a command whose result is a verdict sets it. */
  exitCode: number;
}

/** Adds one command to the program. Its action throws an MpuError when it fails. */
export type RegisterCommand = (program: Command, run: Run) => void;
