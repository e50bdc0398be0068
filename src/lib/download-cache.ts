// SPDX-License-Identifier: GPL-2.0-only
/** Directories that are made once and kept: filled aside, renamed into place, one maker at a time. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Runs `work` while this process alone holds the lock file `path`; others wait. The lock is
 * flock(1)'s, so it is released by the kernel however the holder ends.
 */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  const holder = spawn('flock', [path, 'sh', '-c', 'echo locked; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(holder, 'exit');
  const locked = await Promise.race([once(holder.stdout, 'data').then(() => true), ended.then(() => false)]);
  if (!locked) throw new Error(`cannot lock ${path}: flock (util-linux) failed`);
  try {
    return await work();
  } finally {
    holder.stdin.end();
    await ended;
  }
}

/**
 * Fills new directories next to `directory`'s final place. `work` gets an empty directory below
 * `root` and moves what it finished out of it by {@link publish}; whatever is left, also by an
 * earlier interrupted run, is removed. Call it under {@link withLock} only.
 */
export async function withScratch<T>(root: string, work: (scratch: string) => Promise<T>): Promise<T> {
  await mkdir(root, { recursive: true });
  for (const name of await readdir(root)) {
    if (name.startsWith('.scratch-')) await rm(join(root, name), { recursive: true, force: true });
  }
  const scratch = await mkdtemp(join(root, '.scratch-'));
  try {
    return await work(scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Moves a finished directory into place in one step, replacing an older one. */
export async function publish(finished: string, place: string): Promise<void> {
  await mkdir(dirname(place), { recursive: true });
  const old = join(dirname(finished), `.old-${basename(place)}`);
  await rename(place, old).catch(() => undefined);
  await rename(finished, place);
}
