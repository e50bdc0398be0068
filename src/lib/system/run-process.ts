// SPDX-License-Identifier: GPL-2.0-only
/** Running another program to its end. */
import { spawn } from 'node:child_process';

/** What a program left behind. */
export interface ProcessResult {
  /** Exit status; 128 plus the signal's number is not used: a killed program has status -1. */
  status: number;
  stdout: Buffer;
  stderr: string;
  /** PID of a program that was left to itself, because nothing ended it. */
  left?: number;
}

/** How to run a program. */
export interface ProcessOptions {
  stdin?: Buffer;
  /** Most bytes of stdout to take; a program that writes more is killed. Default 16 MiB. */
  maxOutput?: number;
  /** Environment; default: this process's. */
  env?: NodeJS.ProcessEnv;
  /** Ends the program and all it started when it fires; the result is then that of a killed program. */
  signal?: AbortSignal | undefined;
  /**
   * How many milliseconds it may take to end after the signal; then it is killed, and left to itself where that does not
   * end it either, as in a call of a driver that does not return. Default: for as long as it takes.
   */
  patience?: number;
}

/** Programs that run now, by what ends them. */
const running = new Set<() => void>();

// Who leaves at once leaves no program behind.
process.on('exit', () => {
  for (const stop of running) stop();
});

const DEFAULT_MAX_OUTPUT = 16 * 1024 * 1024;
const MAX_STDERR = 64 * 1024;

/** How long a killed program may take to be gone. */
const KILLED_MS = 250;

/**
 * Runs a program, without a shell, and waits for its end. It runs in a session of its own, so that
 * an interrupt typed at the terminal reaches only the caller, who decides when to stop. Rejects with
 * the system error (ENOENT, EACCES) when the program cannot be started, and with a RangeError when
 * it writes more than `maxOutput` bytes.
 */
export async function runProcess(
  file: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<ProcessResult> {
  const limit = options.maxOutput ?? DEFAULT_MAX_OUTPUT;
  return new Promise((resolve, reject) => {
    const env = options.env ?? process.env;
    const child = spawn(file, args, { detached: true, env, stdio: ['pipe', 'pipe', 'pipe'] });
    const send = (name: NodeJS.Signals): void => {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
        process.kill(-child.pid, name);
    };
    let timer: NodeJS.Timeout | undefined;
    const leave = (): void => {
      running.delete(stop);
      // Nothing of it holds this program any more, nor what it started and what still has its pipes.
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
      child.unref();
      const ended = child.exitCode !== null || child.signalCode !== null;
      resolve({
        status: -1,
        stdout: Buffer.concat(chunks),
        stderr,
        ...(ended || child.pid === undefined ? {} : { left: child.pid }),
      });
    };
    const stop = (): void => {
      send('SIGTERM');
      if (options.patience === undefined) return;
      timer = setTimeout(() => {
        send('SIGKILL');
        timer = setTimeout(leave, KILLED_MS);
      }, options.patience);
    };
    running.add(stop);
    if (options.signal?.aborted === true) child.on('spawn', stop);
    else options.signal?.addEventListener('abort', stop, { once: true });
    const chunks: Buffer[] = [];
    let size = 0;
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit) child.kill();
      else chunks.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(-MAX_STDERR);
    });
    // A program that ends without reading its input closes the pipe; its exit status tells why.
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => {
      running.delete(stop);
      reject(error);
    });
    child.on('close', (status) => {
      running.delete(stop);
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', stop);
      if (size > limit) reject(new RangeError(`${file} ${args[0] ?? ''} wrote more than ${limit} bytes`));
      else resolve({ status: status ?? -1, stdout: Buffer.concat(chunks), stderr });
    });
    child.stdin.end(options.stdin);
  });
}
