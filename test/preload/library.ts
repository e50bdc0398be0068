// SPDX-License-Identifier: GPL-2.0-only
/** Where libmpu.so and the programs that the tests run with it are. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '#mpu/lib/package/root.js';

export const ARCHITECTURES = ['x86_64', 'i386', 'aarch64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** The libmpu.so for an architecture. */
export const library = (architecture: Architecture): string =>
  join(packageRoot, 'build', 'preload', architecture, 'libmpu.so');

/** A program or library built from this directory. */
export const built = (name: string): string => join(packageRoot, 'build', 'test', 'preload', name);

export interface Outcome {
  /** Exit status; null after a signal or when the program could not be started. */
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end, two minutes at most, with additional environment variables. */
export function run(command: string, args: string[] = [], environment: Record<string, string> = {}): Outcome {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    maxBuffer: 1 << 26,
    timeout: 120_000,
  });
  return error ? { status: null, stdout: '', stderr: String(error) } : { status, stdout, stderr };
}
