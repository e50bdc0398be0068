// SPDX-License-Identifier: GPL-2.0-only
/** The two places that name libraries to preload: /etc/ld.so.preload and the variable LD_PRELOAD. */

/** The file from which glibc's dynamic loader takes libraries to load into every program. */
export const PRELOAD_FILE = '/etc/ld.so.preload';

/** Directory of the library in an image; in it a place for each value that `$LIB` and `$PLATFORM` can have there. */
export const LIBRARY_ROOT = '/usr/lib/mpu';

/**
 * The line for {@link PRELOAD_FILE}. glibc replaces `$LIB` by its own library directory, which
 * differs between its 64-bit and its 32-bit build: so each finds a library that it can load.
 */
export const PRELOAD_ENTRY = `${LIBRARY_ROOT}/$LIB/libmpu.so`;

/**
 * What names the library where nothing is known of the image. glibc replaces `$PLATFORM` by the kind of processor, whose
 * names differ between its 64-bit and its 32-bit build in every distribution; `$LIB` may be `lib` in either.
 */
export const PLATFORM_ENTRY = `${LIBRARY_ROOT}/$PLATFORM/libmpu.so`;

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

/**
 * A preload file without mpu's entry, however often it is there; undefined when nothing else is left.
 * Everything else stays, byte for byte.
 */
export function removePreloadEntry(existing: Buffer): Buffer | undefined {
  const lines = existing.toString('latin1').split(/(?<=\n)/);
  const kept = lines.map((line) => {
    const comment = line.indexOf('#');
    const [head, tail] = comment === -1 ? [line, ''] : [line.slice(0, comment), line.slice(comment)];
    if (!preloadEntries(head).includes(PRELOAD_ENTRY)) return line;
    const rest = head
      .split(/([\s:]+)/)
      .filter((part) => part !== PRELOAD_ENTRY)
      .join('');
    return rest.trim() === '' && tail === '' ? '' : rest + tail;
  });
  const content = kept.join('');
  return content.trim() === '' ? undefined : Buffer.from(content, 'latin1');
}

/** Variable from which glibc's and musl's dynamic loaders take libraries to preload. */
export const PRELOAD_VARIABLE = 'LD_PRELOAD';

/** The value of {@link PRELOAD_VARIABLE} in an image's environment (`NAME=value` each); undefined when it is not set. */
export function preloadVariable(environment: readonly string[]): string | undefined {
  const entries = environment.filter((entry) => entry.startsWith(`${PRELOAD_VARIABLE}=`));
  return entries.at(-1)?.slice(PRELOAD_VARIABLE.length + 1);
}

/** An environment with `value` for {@link PRELOAD_VARIABLE}, without it for an empty one; all else stays in its place. */
function setPreloadVariable(environment: readonly string[], value: string): string[] {
  const isOther = (entry: string): boolean => !entry.startsWith(`${PRELOAD_VARIABLE}=`);
  if (value === '') return environment.filter(isOther);
  const entry = `${PRELOAD_VARIABLE}=${value}`;
  if (environment.every(isOther)) return [...environment, entry];
  return environment.map((other) => (isOther(other) ? other : entry));
}

/** Whether mpu's library is preloaded in an environment. */
export function hasPreloadVariable(environment: readonly string[]): boolean {
  return preloadEntries(preloadVariable(environment) ?? '').includes(PLATFORM_ENTRY);
}

/** An environment in which mpu's library is preloaded, after those that are. */
export function addPreloadVariable(environment: readonly string[]): readonly string[] {
  if (hasPreloadVariable(environment)) return environment;
  const value = preloadVariable(environment) ?? '';
  return setPreloadVariable(environment, value === '' ? PLATFORM_ENTRY : `${value}:${PLATFORM_ENTRY}`);
}

/** An environment in which mpu's library is not preloaded. */
export function removePreloadVariable(environment: readonly string[]): readonly string[] {
  if (!hasPreloadVariable(environment)) return environment;
  const others = preloadEntries(preloadVariable(environment) ?? '').filter((entry) => entry !== PLATFORM_ENTRY);
  return setPreloadVariable(environment, others.join(':'));
}
