// SPDX-License-Identifier: GPL-2.0-only
/** What has to be added to an image's file system. */
import { MpuError } from './errors.js';
import type { LayerEntry } from './layer.js';
import { libraryDirectory, readsPreloadFile } from './loader.js';
import { libraryEntries, libraryOf, libraryPlaces, type Architecture, type Libraries, type LibraryPlaces } from './payload.js';
import { LIBRARY_ROOT, PRELOAD_FILE, addPreloadEntry } from './preload-file.js';

/** Read access to the files of an image, as a container of it would see them. */
export interface ImageFiles {
  /**
   * The data of a regular file, symbolic links followed within the image; undefined where there is
   * none. Rejects when there is something else in its place.
   */
  readFile(path: string): Promise<Buffer | undefined>;
}

/** Where programs of an architecture name their dynamic loader (fixed by the ABI). */
export const LOADERS: Record<Architecture, { glibc: string; musl: string }> = {
  x86_64: { glibc: '/lib64/ld-linux-x86-64.so.2', musl: '/lib/ld-musl-x86_64.so.1' },
  aarch64: { glibc: '/lib/ld-linux-aarch64.so.1', musl: '/lib/ld-musl-aarch64.so.1' },
};

async function findLoader(files: ImageFiles, architecture: Architecture, image: string): Promise<Buffer> {
  const paths = LOADERS[architecture];
  const loader = await files.readFile(paths.glibc);
  if (loader !== undefined && readsPreloadFile(loader)) return loader;
  const what = `cannot inject into ${image}`;
  if ((await files.readFile(paths.musl)) !== undefined) {
    throw new MpuError({
      code: 'image-musl',
      what,
      why: `its C library is musl, which does not read ${PRELOAD_FILE}`,
      next: 'use a variant of the image that is built on glibc, e.g. the Debian one',
    });
  }
  throw new MpuError({
    code: 'image-no-glibc',
    what,
    why:
      loader === undefined
        ? `it has no dynamic loader ${paths.glibc}, and static programs load no library`
        : `its dynamic loader ${paths.glibc} does not read ${PRELOAD_FILE}`,
    next: 'inject the image in which the dynamically linked GPU programs run, built on glibc',
  });
}

async function hasLibraries(files: ImageFiles, places: LibraryPlaces, libraries: Libraries): Promise<boolean> {
  for (const [place, architecture] of Object.entries(places)) {
    const present = await files.readFile(`${LIBRARY_ROOT}/${place}/libmpu.so`);
    if (present?.equals(libraryOf(libraries, architecture)) !== true) return false;
  }
  return true;
}

/**
 * Finds out what an image lacks: what the one layer to add holds, nothing when the image has everything
 * already. `image` is its name, for errors. Rejects for an image whose
 * programs would not load the library: musl, static, or an unknown kind of glibc.
 */
export async function planInjection(
  files: ImageFiles,
  architecture: Architecture,
  libraries: Libraries,
  image: string,
): Promise<LayerEntry[]> {
  const native = libraryDirectory(await findLoader(files, architecture, image));
  if (native === undefined) {
    throw new MpuError({
      code: 'image-unknown-glibc',
      what: `cannot inject into ${image}`,
      why: `its dynamic loader ${LOADERS[architecture].glibc} has an unknown library directory`,
      next: 'report the distribution that the image is built on',
    });
  }
  const places = libraryPlaces(architecture, native);
  const preload = await files.readFile(PRELOAD_FILE);
  const merged = addPreloadEntry(preload);
  const named = preload !== undefined && merged.equals(preload);
  if (named && (await hasLibraries(files, places, libraries))) return [];
  const entries = libraryEntries(places, libraries);
  if (!named) entries.push({ type: 'file', path: PRELOAD_FILE.slice(1), data: merged });
  return entries;
}
