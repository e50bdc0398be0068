// SPDX-License-Identifier: GPL-2.0-only
/** Files that are there as a whole, or not at all. */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoName, fileError } from './errors.js';
import { replaceFile } from './system/replace-file.js';

/**
 * Writes a file aside and renames it into place; its directory is made. Returns false where it had those
 * bytes already. Rejects with an MpuError; then it is as before.
 */
export async function writeAside(path: string, content: string | Buffer): Promise<boolean> {
  try {
    const before = await readFile(path).catch((error: unknown) => {
      if (errnoName(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (before?.equals(Buffer.from(content)) === true) return false;
    await mkdir(dirname(path), { recursive: true });
    await replaceFile(path, 0o644, (file) => file.writeFile(content));
    return true;
  } catch (error) {
    throw fileError(error, `cannot write ${path}`);
  }
}
