// SPDX-License-Identifier: GPL-2.0-only
/** Patience with servers that are down for a moment. */
import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds between attempts; a minute in all. */
export const PAUSES: readonly number[] = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000];

/** Calls `work`, and once more after each pause while it fails in a way that passes; rejects with its last error. */
export async function retry<T>(
  work: () => Promise<T>,
  passes: (error: unknown) => boolean,
  pauses: readonly number[] = PAUSES,
): Promise<T> {
  for (const pause of pauses) {
    try {
      return await work();
    } catch (error) {
      if (!passes(error)) throw error;
    }
    await delay(pause);
  }
  return work();
}
