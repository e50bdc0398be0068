// SPDX-License-Identifier: GPL-2.0-only
/** Changes to a system that are all made, or all rolled back. */
import { cp, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoName } from '../errors.js';
import { makeDirectory } from './make-directory.js';

/** Rolls one change back. */
type RollbackStep = () => Promise<void>;

/** The steps that roll changes back. */
export interface RollbackSteps {
  push: (step: RollbackStep) => void;
}

/** Gives `work` a list for the steps that roll its changes back; runs them, last first, when `work` throws. */
export async function rollBackOnFailure<T>(work: (rollback: RollbackSteps) => Promise<T>): Promise<T> {
  const steps: RollbackStep[] = [];
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

/** Makes the directory of a file; the rollback removes the directories that did not exist. */
export async function makeParent(path: string, rollback: RollbackSteps): Promise<void> {
  const first = await makeDirectory(dirname(path));
  if (first === undefined) return;
  rollback.push(async () => {
    for (let at = dirname(path); at.length >= first.length; at = dirname(at)) await rmdir(at);
  });
}

const COPY = { recursive: true, verbatimSymlinks: true, preserveTimestamps: true } as const;

/** Copies files and directories to `scratch`; the rollback puts them back, and removes those that did not exist. */
export async function keepPaths(scratch: string, paths: readonly string[], rollback: RollbackSteps): Promise<void> {
  for (const [index, path] of paths.entries()) {
    const copy = join(scratch, `kept-${index}`);
    const existed = await cp(path, copy, COPY).then(
      () => true,
      (error: unknown) => {
        if (errnoName(error) === 'ENOENT') return false;
        throw error;
      },
    );
    rollback.push(async () => {
      await rm(path, { recursive: true, force: true });
      if (!existed) return;
      await makeDirectory(dirname(path));
      await cp(copy, path, COPY);
    });
  }
}

/** {@link rollBackOnFailure} with an empty directory below `parent` for what is put aside; it is gone afterwards. */
export async function changeSystem<T>(
  parent: string,
  work: (rollback: RollbackSteps, scratch: string) => Promise<T>,
): Promise<T> {
  await makeDirectory(parent);
  const scratch = await mkdtemp(join(parent, '.mpu-'));
  try {
    return await rollBackOnFailure((rollback) => work(rollback, scratch));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
