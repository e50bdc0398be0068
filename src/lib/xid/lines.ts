// SPDX-License-Identifier: GPL-2.0-only
/** Lines of a stream or of the kernel log, until the stream ends or a signal fires. */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { ExitCode, MpuError } from '../errors.js';
import { findProgram } from '../system/program.js';

/** Longer lines are no kernel log's; what is over is dropped. */
const MAX_LINE = 64 * 1024;

/** Yields the lines of a stream. Ends at once when the signal fires, also in the middle of a line. */
export async function* linesOf(stream: Readable, signal: AbortSignal): AsyncGenerator<string> {
  const stop = (): void => void stream.destroy();
  signal.addEventListener('abort', stop, { once: true });
  let rest = '';
  try {
    if (signal.aborted) return;
    for await (const chunk of stream.setEncoding('utf8') as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = (lines.pop() ?? '').slice(0, MAX_LINE);
      yield* lines;
    }
    if (rest !== '') yield rest;
  } catch (error) {
    // Destroying a stream makes reading it fail.
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** The programs that print the kernel log's new lines, in the order in which they are tried. */
const FOLLOWERS = [
  { program: 'journalctl', args: ['--dmesg', '--follow', '--lines=0', '--output=cat', '--quiet'] },
  { program: 'dmesg', args: ['--follow-new'] },
];

/**
 * Yields the kernel log's lines from now on, until the signal fires. Throws an MpuError where no program prints them, or the
 * one that does has ended.
 */
export async function* followKernelLog(signal: AbortSignal): AsyncGenerator<string> {
  const what = 'cannot follow the kernel log';
  for (const { program, args } of FOLLOWERS) {
    const path = await findProgram(program);
    if (path === undefined) continue;
    const child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-1024)));
    const ended = new Promise<string>((resolve) => {
      child.on('error', ({ message }) => {
        resolve(message);
      });
      child.on('close', (status, name) => {
        resolve(said.trim() || `it ended with ${status ?? name ?? '?'}`);
      });
    });
    const stop = (): void => void child.kill('SIGKILL');
    // Whoever leaves at once leaves no program behind.
    process.once('exit', stop);
    signal.addEventListener('abort', stop, { once: true });
    try {
      yield* linesOf(child.stdout, signal);
    } finally {
      stop();
      process.removeListener('exit', stop);
      signal.removeEventListener('abort', stop);
    }
    if (signal.aborted) return;
    throw new MpuError({
      code: 'kernel-log-ended',
      what,
      why: `${program}: ${await ended}`,
      next: `sudo ${program} ${args.join(' ')}`,
      exitCode: ExitCode.failed,
    });
  }
  throw new MpuError({
    code: 'no-kernel-log',
    what,
    why: 'neither journalctl nor dmesg is there',
    next: 'mpu xid < FILE, with lines of the kernel log',
    exitCode: ExitCode.hostUnsupported,
  });
}
