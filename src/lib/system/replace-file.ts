// SPDX-License-Identifier: GPL-2.0-only
/** Files that change as a whole, or not at all. */
import { randomBytes } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';

/**
 * Lets `fill` write a new file beside `path`, and gives it that name once it is on the disk. Rejects with the error of
 * what failed; then all is as before. The new file's name is nobody else's, who may be in a container and have the same
 * process id, and none that programs look for in a directory (.json, .service).
 */
export async function replaceFile(
  path: string,
  mode: number,
  fill: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const aside = `${path}.mpu-${randomBytes(8).toString('hex')}`;
  const file = await open(aside, 'wx', mode);
  try {
    try {
      await fill(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}
