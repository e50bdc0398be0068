// SPDX-License-Identifier: GPL-2.0-only
/** The contents of /etc/ld.so.preload. */

/** The file from which glibc's dynamic loader takes libraries to load into every program. */
export const PRELOAD_FILE = '/etc/ld.so.preload';

/** Directory of the library in an image; one subdirectory for each value that `$LIB` can have there. */
export const LIBRARY_ROOT = '/usr/lib/mpu';

/**
 * The line for {@link PRELOAD_FILE}. glibc replaces `$LIB` by its own library directory, which
 * differs between its 64-bit and its 32-bit build: so each finds a library that it can load.
 */
export const PRELOAD_ENTRY = `${LIBRARY_ROOT}/$LIB/libmpu.so`;

/** The libraries that a preload file names. White space and `:` separate them, `#` starts a comment. */
export function preloadEntries(content: string): string[] {
  return content
    .replace(/#[^\n]*/g, '')
    .split(/[\s:]+/)
    .filter((entry) => entry !== '');
}

/**
 * A preload file with mpu's entry. What is there stays, byte for byte, and the entry becomes the
 * last line; a file that has it already is returned as it is. Never adds a comment: glibc only
 * understands the first one of a file (rtld.c, do_preload of the preload file).
 */
export function addPreloadEntry(existing: Buffer | undefined): Buffer {
  // latin1 keeps every byte: file names need not be UTF-8.
  const content = existing?.toString('latin1') ?? '';
  if (preloadEntries(content).includes(PRELOAD_ENTRY)) return Buffer.from(content, 'latin1');
  const separator = content === '' || content.endsWith('\n') ? '' : '\n';
  return Buffer.from(`${content}${separator}${PRELOAD_ENTRY}\n`, 'latin1');
}
