// SPDX-License-Identifier: GPL-2.0-only
/** Running the `mpu` command as a user does. */
import './own-cache.js';
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The checkout; this file is compiled to build/test/support/. */
export const checkout = fileURLToPath(new URL('../../../', import.meta.url));

const CLI = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url));

/** How a program ended and what it said. */
export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** How to run a program. */
export interface RunSettings {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Sees the program while it runs. */
  onStart?: (child: ChildProcess) => void;
}

/** Runs a program to its end. */
export async function run(file: string, args: readonly string[], settings: RunSettings = {}): Promise<Ended> {
  const { env = process.env, cwd = process.cwd() } = settings;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (status) => {
      resolve({ status, stdout, stderr });
    });
    settings.onStart?.(child);
  });
}

/** Runs a program and rejects with what it said unless it exits 0; gives its stdout. */
export async function check(file: string, args: readonly string[], settings: RunSettings = {}): Promise<string> {
  const { status, stdout, stderr } = await run(file, args, settings);
  if (status !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${String(status)}: ${stderr}`);
  return stdout;
}

/** Runs `mpu`. Variables of the caller's shell that would change its behaviour are left out. */
export async function mpu(args: readonly string[], settings: RunSettings = {}): Promise<Ended> {
  const env = Object.fromEntries(
    Object.entries(settings.env ?? process.env).filter(
      ([name]) => settings.env !== undefined || !/^(MPU_|SOURCE_DATE|NO_COLOR|FORCE_COLOR)/.test(name),
    ),
  );
  return run(process.execPath, [CLI, ...args], {
    ...settings,
    env: { XDG_CACHE_HOME: process.env.XDG_CACHE_HOME, ...env },
  });
}
