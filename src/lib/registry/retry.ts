// SPDX-License-Identifier: GPL-2.0-only
/** Trying again what failed for a moment. */
import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfInterrupted } from '../errors.js';
import { RegistryError } from './errors.js';

const ATTEMPTS = 5;
const FIRST_DELAY = 0.25;
/** Longest wait that a registry may ask for; a rate limit of hours is told instead. Seconds. */
const MAX_WAIT = 60;

/**
 * Runs `work` until it succeeds, fails for good, or has failed {@link ATTEMPTS} times: with a delay that doubles,
 * from {@link FIRST_DELAY} seconds, or what the registry asks for.
 */
export async function withRetries<T>(
  work: () => Promise<T>,
  signal: AbortSignal | undefined,
  onProgress?: (line: string) => void,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    throwIfInterrupted(signal);
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RegistryError) || !error.transient || attempt >= ATTEMPTS) throw error;
      const delay = error.retryAfter ?? FIRST_DELAY * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
      if (delay > MAX_WAIT) throw error;
      onProgress?.(`${error.why}; trying again in ${Math.ceil(delay)} s`);
      await sleep(delay * 1000, undefined, signal === undefined ? {} : { signal }).catch(() => {
        throwIfInterrupted(signal);
      });
    }
  }
}
