// SPDX-License-Identifier: GPL-2.0-only
/** Locks between processes that end with their holder, however it ends. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** The last lines of what flock(1) says, for errors. */
const MAX_SAID = 500;

/**
 * Waits until this process alone holds the lock of the file `path`; gives the function that releases it. The lock is
 * flock(1)'s, so the kernel releases it when the holder ends. Rejects when there is no flock(1), or it fails, and when
 * `signal` ends the wait.
 */
export async function takeLock(path: string, signal?: AbortSignal): Promise<() => Promise<void>> {
  // In a session of its own: an interrupt typed at the terminal must not end the lock before the work that it is for.
  const holder = spawn('flock', [path, 'sh', '-c', 'echo locked; exec cat'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  let said = '';
  holder.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-MAX_SAID);
  });
  holder.stdin.on('error', () => undefined);
  const ended = once(holder, 'close');
  const giveUp = (): void => {
    if (holder.pid !== undefined && holder.exitCode === null) process.kill(-holder.pid, 'SIGTERM');
  };
  if (signal?.aborted === true) holder.on('spawn', giveUp);
  else signal?.addEventListener('abort', giveUp, { once: true });
  try {
    const isLocked = await Promise.race([once(holder.stdout, 'data').then(() => true), ended.then(() => false)]);
    // One that was told to end may have had the lock already.
    if (!isLocked || signal?.aborted === true)
      throw new Error(`cannot lock ${path}: ${said.trim() || 'flock (util-linux) failed'}`);
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
  return async () => {
    holder.stdin.end();
    await ended;
  };
}
