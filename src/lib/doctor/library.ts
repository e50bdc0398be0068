// SPDX-License-Identifier: GPL-2.0-only
/** What a libmpu.so says of itself. */
import { elfSection } from '../system/elf.js';
import { readRegularFile } from '../system/regular-file.js';

/** The section that preload/version.c makes. */
const SECTION = '.mpu.version';

/** The version in the bytes of a libmpu.so; undefined for one from before it had a version, and for any other file. */
export function versionIn(data: Buffer): string | undefined {
  return elfSection(data, SECTION)?.toString('latin1').replace(/\0.*$/s, '');
}

/** The version of the libmpu.so at a path. */
export function libraryVersion(path: string): string | undefined {
  const data = readRegularFile(path);
  return data === undefined ? undefined : versionIn(data);
}
