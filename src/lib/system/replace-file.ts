// SPDX-License-Identifier: GPL-2.0-only
/** Files that change as a whole, or not at all. */
import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoName, fileError } from '../errors.js';
import { makeDirectory } from './make-directory.js';

/**
 * Lets `fill` write a new file beside `path`, and gives it that name once it is on the disk. Rejects with the error of
 * what failed; then all is as before. The temporary name ends in random hex: a PID is not unique across containers, and
 * programs that scan a directory for .json or .service files must not pick it up.
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

/** Replaces a file by one with this data, as a whole; rejects with an MpuError. */
export async function writeAtomic(path: string, data: Buffer, mode = 0o644): Promise<void> {
  try {
    await replaceFile(path, mode, (file) => file.writeFile(data));
  } catch (error) {
    throw fileError(error, `cannot write ${path}`);
  }
}

/**
 * Writes a file as a whole, and makes its directory. Returns false if the file had those bytes already. Rejects with an
 * MpuError; then the file is as before.
 */
export async function writeIfChanged(path: string, content: string | Buffer): Promise<boolean> {
  try {
    const before = await readFile(path).catch((error: unknown) => {
      if (errnoName(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (before?.equals(Buffer.from(content)) === true) return false;
    await makeDirectory(dirname(path));
    await replaceFile(path, 0o644, (file) => file.writeFile(content));
    return true;
  } catch (error) {
    throw fileError(error, `cannot write ${path}`);
  }
}

/** Replaces a file by a copy of another one, with its permissions, as a whole; rejects with an MpuError. */
export async function copyAtomic(source: string, target: string): Promise<void> {
  try {
    const [data, { mode }] = [await readFile(source), await stat(source)];
    await replaceFile(target, mode & 0o777, async (file) => {
      await file.writeFile(data);
      // open() leaves out what the umask forbids.
      await file.chmod(mode & 0o777);
    });
  } catch (error) {
    throw fileError(error, `cannot write ${target}`);
  }
}
