// SPDX-License-Identifier: GPL-2.0-only
/** Directories that are made once and kept: filled aside, renamed into place, one maker at a time. */
import { mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { takeLock } from './file-lock.js';
import { makeDirectory } from './make-directory.js';

/** Runs `work` while this process alone holds the lock file `path` (see {@link takeLock}); others wait. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  await makeDirectory(dirname(path));
  const release = await takeLock(path);
  try {
    return await work();
  } finally {
    await release();
  }
}

/**
 * Fills new directories next to `directory`'s final place. `work` gets an empty directory below
 * `root` and moves what it finished out of it by {@link publish}; whatever is left, also by an
 * earlier interrupted run, is removed. Call it under {@link withLock} only.
 */
export async function withScratch<T>(root: string, work: (scratch: string) => Promise<T>): Promise<T> {
  await makeDirectory(root);
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
export async function publish(finished: string, directory: string): Promise<void> {
  await makeDirectory(dirname(directory));
  const old = join(dirname(finished), `.old-${basename(directory)}`);
  await rename(directory, old).catch(() => undefined);
  await rename(finished, directory);
}
