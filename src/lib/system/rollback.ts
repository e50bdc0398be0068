// SPDX-License-Identifier: GPL-2.0-only
/** Changes to a system that are all made, or all taken back. */
import { cp, mkdir, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoName } from '../errors.js';

/** Called to take one change back. */
type Undo = () => Promise<void>;

/** Steps that take changes back. */
export interface UndoList {
  push: (step: Undo) => void;
}

/** Gives `work` a list for what takes its changes back; runs it, last first, when `work` throws. */
export async function undoOnFailure<T>(work: (undo: UndoList) => Promise<T>): Promise<T> {
  const steps: Undo[] = [];
  try {
    return await work({ push: (step) => steps.push(step) });
  } catch (error) {
    for (const step of steps.reverse()) {
      // The first failure is the one to tell; a step that fails must not keep the others from running.
      await step().catch(() => undefined);
    }
    throw error;
  }
}

/** Makes the directory of a file; undone are only directories that were not there. */
export async function makeParent(path: string, undo: UndoList): Promise<void> {
  const first = await mkdir(dirname(path), { recursive: true });
  if (first === undefined) return;
  undo.push(async () => {
    for (let at = dirname(path); at.length >= first.length; at = dirname(at)) await rmdir(at);
  });
}

const COPY = { recursive: true, verbatimSymlinks: true, preserveTimestamps: true } as const;

/** Copies files and directories to `scratch`; undone, they are as they were, or gone when they were not there. */
export async function keepPaths(scratch: string, paths: readonly string[], undo: UndoList): Promise<void> {
  for (const [index, path] of paths.entries()) {
    const copy = join(scratch, `kept-${index}`);
    const existed = await cp(path, copy, COPY).then(
      () => true,
      (error: unknown) => {
        if (errnoName(error) === 'ENOENT') return false;
        throw error;
      },
    );
    undo.push(async () => {
      await rm(path, { recursive: true, force: true });
      if (!existed) return;
      await mkdir(dirname(path), { recursive: true });
      await cp(copy, path, COPY);
    });
  }
}

/** {@link undoOnFailure} with an empty directory below `parent` for what is put aside; it is gone afterwards. */
export async function changeSystem<T>(
  parent: string,
  work: (undo: UndoList, scratch: string) => Promise<T>,
): Promise<T> {
  await mkdir(parent, { recursive: true });
  const scratch = await mkdtemp(join(parent, '.mpu-'));
  try {
    return await undoOnFailure((undo) => work(undo, scratch));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
