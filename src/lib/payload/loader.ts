// SPDX-License-Identifier: GPL-2.0-only
/** What glibc's dynamic loader can be asked without running it. */

/** The preload file's path as a string of its own, not as the end of a longer path. */
const PRELOAD_PATH = /(?<![\w./-])\/etc\/ld\.so\.preload\0/;

/** Values of `$LIB` in the distributions, longest first: the linker may store `lib` as the tail of another string. */
const LIBRARY_DIRECTORIES = [
  'lib/x86_64-linux-gnu',
  'lib/aarch64-linux-gnu',
  'lib/i386-linux-gnu',
  'lib64',
  'lib32',
  'lib',
] as const;

/** A value of `$LIB` that is known. */
export type LibraryDirectory = (typeof LIBRARY_DIRECTORIES)[number];

/**
 * Whether a dynamic loader reads /etc/ld.so.preload. glibc's does; musl's, and a glibc that was built
 * for another prefix or (NixOS) for another file, do not.
 */
export function readsPreloadFile(loader: Buffer): boolean {
  return PRELOAD_PATH.test(loader.toString('latin1'));
}

/**
 * What a glibc loader puts in the place of `$LIB`. It is fixed when glibc is built (DL_DST_LIB) and
 * stored as a string, which `ld.so --list-diagnostics` shows as dl_dst_lib.
 * Undefined when none of the known values is there.
 */
export function libraryDirectory(loader: Buffer): LibraryDirectory | undefined {
  return LIBRARY_DIRECTORIES.find((directory) => loader.includes(`${directory}\0`));
}

/** What decides how a dynamic loader is made to load the library. */
export interface LoaderSummary {
  /** See {@link readsPreloadFile}. */
  readsPreloadFile: boolean;
  /** See {@link libraryDirectory}. */
  libraryDirectory: LibraryDirectory | undefined;
}

/** Summary of a dynamic loader. */
export function summarizeLoader(loader: Buffer): LoaderSummary {
  return { readsPreloadFile: readsPreloadFile(loader), libraryDirectory: libraryDirectory(loader) };
}
