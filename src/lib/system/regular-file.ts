// SPDX-License-Identifier: GPL-2.0-only
/** Reading files that may be missing, or that another user or a container may have put there. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** More than any file has that is read like this. */
const MAX_SIZE = 8 * 1024 * 1024;

/**
 * The data of a regular file; undefined for anything else, what cannot be read, and what is too large. A named pipe or a
 * device in its place does not block.
 */
export function readRegularFile(path: string): Buffer | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const { size } = fstatSync(fd);
    if (!fstatSync(fd).isFile() || size > MAX_SIZE) return undefined;
    const data = Buffer.alloc(size);
    return data.subarray(0, readSync(fd, data, 0, size, 0));
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** The text of a file; undefined when it is not there or may not be read. */
export async function readIfPresent(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}
