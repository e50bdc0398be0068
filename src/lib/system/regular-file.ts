// SPDX-License-Identifier: GPL-2.0-only
/** Reading files that somebody else may have put there: those of a container, read from the host. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** More than any file has that is read like this. */
const LARGEST = 8 * 1024 * 1024;

/**
 * The data of a regular file; undefined for anything else, what cannot be read, and what is too large. A named pipe or a
 * device in its place does not block.
 */
export function readRegularFile(path: string): Buffer | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const { size } = fstatSync(fd);
    if (!fstatSync(fd).isFile() || size > LARGEST) return undefined;
    const data = Buffer.alloc(size);
    return data.subarray(0, readSync(fd, data, 0, size, 0));
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
