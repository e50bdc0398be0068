// SPDX-License-Identifier: GPL-2.0-only
/** Changes to a system that are all made, or all taken back. */

/** Called to take one change back. */
type Undo = () => Promise<void>;

/** Gives `work` a list for what takes its changes back; runs it, last first, when `work` throws. */
export async function undoOnFailure<T>(work: (undo: { push: (step: Undo) => void }) => Promise<T>): Promise<T> {
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
