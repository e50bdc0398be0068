// SPDX-License-Identifier: GPL-2.0-only
/**
 * Makes directories. Node.js's own recursive mkdir never ends where the system says that there is no parent although there
 * is, as below /proc and in mount points of autofs.
 */
import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { errnoName } from '../errors.js';

/**
 * Makes a directory, and its parents, unless they exist. Returns the topmost that was made, undefined if there was
 * nothing to make. Rejects with the system's error.
 */
export async function makeDirectory(path: string, mode = 0o777): Promise<string | undefined> {
  const at = resolve(path);
  const make = async (): Promise<boolean> => {
    try {
      await mkdir(at, mode);
      return true;
    } catch (error) {
      // A directory that is there may also be on a read-only file system, or in one that others own.
      const isDirectory = await stat(at).then(
        (found) => found.isDirectory(),
        () => false,
      );
      if (isDirectory) return false;
      throw error;
    }
  };
  try {
    return (await make()) ? at : undefined;
  } catch (error) {
    if (errnoName(error) !== 'ENOENT' || dirname(at) === at) throw error;
    const first = await makeDirectory(dirname(at), mode);
    const made = await make();
    return first ?? (made ? at : undefined);
  }
}
