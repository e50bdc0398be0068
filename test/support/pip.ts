// SPDX-License-Identifier: GPL-2.0-only
/** Python packages in directories of their own, from the index that pip is configured to use. */
import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '#mpu/lib/errors.js';
import { publish, withLock, withScratch } from '#mpu/lib/system/download-cache.js';

/** The wait before each try doubles, from a quarter of a second: a minute in all. */
const PATIENCE = ['--retries', '8'];
const QUIET = ['--quiet', '--disable-pip-version-check', '--no-deps'];

/** Runs `pip VERB`, without dependencies. Rejects with the requirements and what pip said. */
export async function pip(
  verb: 'install' | 'download',
  requirements: readonly string[],
  options: readonly string[],
  command: readonly string[] = ['python3', '-m', 'pip'],
): Promise<void> {
  const [program = '', ...args] = [...command, verb, ...QUIET, ...PATIENCE, ...options, ...requirements];
  try {
    await promisify(execFile)(program, args);
  } catch (error) {
    throw new Error(`pip cannot fetch ${requirements.join(', ')}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * A directory for PYTHONPATH with the requirements, from the cache or else installed into it.
 *
 * @param root - path of the directory that keeps it
 * @param name - name of the directory below `root`
 * @param findPip - gives the pip command; may use the directory that it gets
 */
export async function pythonPackages(
  root: string,
  name: string,
  requirements: readonly string[],
  findPip?: (scratch: string) => Promise<string[]>,
): Promise<string> {
  const place = join(root, name);
  await withLock(`${root}.lock`, async () => {
    const isThere = await access(place).then(
      () => true,
      () => false,
    );
    if (isThere) return;
    await withScratch(root, async (scratch) => {
      const target = join(scratch, 'target');
      await pip('install', requirements, ['--target', target], await findPip?.(scratch));
      await publish(target, place);
    });
  });
  return place;
}
