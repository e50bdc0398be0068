// SPDX-License-Identifier: GPL-2.0-only
/** What has to be added to an image. */
import { MpuError } from '../errors.js';
import type { LayerEntry } from './layer-entry.js';
import type { LibraryDirectory, LoaderSummary } from './loader.js';
import { sha256 } from '../image/digest.js';
import {
  LIBRARY_ARCHITECTURES,
  libraryEntries,
  libraryFile,
  libraryOf,
  libraryPlaces,
  platformEntries,
  type Architecture,
  type Libraries,
} from './libraries.js';
import {
  LIBRARY_ROOT,
  PLATFORM_ENTRY,
  PRELOAD_FILE,
  PRELOAD_VARIABLE,
  addPreloadEntry,
  addPreloadVariable,
  hasPreloadVariable,
} from './preload-file.js';

/** Read access to the files of an image, as a container of it would see them. Symbolic links are followed within the image. */
export interface ImageFiles {
  /** The data of a small regular file; undefined where there is none. Rejects when there is something else in its place. */
  readFile(path: string): Promise<Buffer | undefined>;
  /** What is known about a dynamic loader; undefined where there is no file. */
  loader(path: string): Promise<LoaderSummary | undefined>;
  /** Whether there is something at a path; missing where finding out would take as long as copying it. */
  has?(path: string): Promise<boolean>;
  /** `sha256:` and the hash of a file's data; undefined where there is no file. */
  digest(path: string): Promise<string | undefined>;
}

/** An image to plan for. */
export interface PlannedImage {
  /** For errors. */
  name: string;
  architecture: Architecture;
  /** Undefined when its files are not to be looked at. */
  files: ImageFiles | undefined;
  /** Its Env, `NAME=value` each. */
  environment: readonly string[];
}

/** What an image lacks; nothing when `entries` is empty. */
export interface InjectionPlan {
  /** What the one layer to add holds. */
  entries: LayerEntry[];
  /** What makes programs load the library. */
  loadedBy: typeof PRELOAD_FILE | typeof PRELOAD_VARIABLE;
  /** The Env of the new image. */
  environment: readonly string[];
}

/** Where programs of an architecture name their dynamic loader (fixed by the ABI). */
export const LOADERS: Record<Architecture, { glibc: string; musl: string }> = {
  x86_64: { glibc: '/lib64/ld-linux-x86-64.so.2', musl: '/lib/ld-musl-x86_64.so.1' },
  aarch64: { glibc: '/lib/ld-linux-aarch64.so.1', musl: '/lib/ld-musl-aarch64.so.1' },
};

/** A C library, by what it takes to have its loader load libmpu.so. */
export type LibC =
  /** `libraryDirectory` is undefined where glibc reads another preload file, as in Nix; LD_PRELOAD works there, too. */
  { name: 'glibc'; libraryDirectory: LibraryDirectory | undefined } | { name: 'musl' };

/** Where images of Nix have all of their programs and loaders. */
const NIX_STORE = '/nix/store';

/** The C library of an image's programs. Rejects for one whose programs would not load libmpu.so. */
export async function findLibC(files: ImageFiles, architecture: Architecture, image: string): Promise<LibC> {
  const paths = LOADERS[architecture];
  const loader = await files.loader(paths.glibc);
  const what = `cannot inject into ${image}`;
  if (loader?.readsPreloadFile === true) {
    if (loader.libraryDirectory !== undefined) return { name: 'glibc', libraryDirectory: loader.libraryDirectory };
    throw new MpuError({
      code: 'image-unknown-glibc',
      what,
      why: `its dynamic loader ${paths.glibc} has an unknown library directory`,
      next: 'report the distribution that the image is built on',
    });
  }
  if ((await files.digest(paths.musl)) !== undefined) return { name: 'musl' };
  if ((await files.has?.(NIX_STORE)) === true) return { name: 'glibc', libraryDirectory: undefined };
  throw new MpuError({
    code: 'image-no-glibc',
    what,
    why:
      loader === undefined
        ? `it has no dynamic loader ${paths.glibc}, and static programs load no library`
        : `its dynamic loader ${paths.glibc} does not read ${PRELOAD_FILE}`,
    next: 'inject the image in which the dynamically linked GPU programs run, built on glibc or musl',
  });
}

/** Whether every library of `entries` is in the image, by each of its paths. */
async function hasLibraries(files: ImageFiles, paths: Record<string, Buffer>): Promise<boolean> {
  for (const [path, library] of Object.entries(paths)) {
    if ((await files.digest(path)) !== sha256(library)) return false;
  }
  return true;
}

/** A plan to load by LD_PRELOAD. */
async function planVariable(
  { files, architecture, environment }: PlannedImage,
  libraries: Libraries,
): Promise<InjectionPlan> {
  const plan = { loadedBy: PRELOAD_VARIABLE, environment: addPreloadVariable(environment) } as const;
  const paths: Record<string, Buffer> = { [PLATFORM_ENTRY]: libraryOf(libraries, architecture) };
  for (const each of LIBRARY_ARCHITECTURES) {
    const library = libraries[each];
    if (library !== undefined) paths[libraryFile(each)] = library;
  }
  const isThere = files !== undefined && hasPreloadVariable(environment) && (await hasLibraries(files, paths));
  if (isThere) return { ...plan, entries: [] };
  return { ...plan, entries: platformEntries(architecture, libraries) };
}

/**
 * Finds out what an image lacks. Rejects for an image whose programs would not load the library: static
 * ones, or an unknown kind of glibc. An image that is not looked at gets what works on every C library.
 */
export async function planInjection(image: PlannedImage, libraries: Libraries): Promise<InjectionPlan> {
  const { files, architecture, environment } = image;
  if (files === undefined) return planVariable(image, libraries);
  const libc = await findLibC(files, architecture, image.name);
  // An image that LD_PRELOAD was added to before stays one of that kind.
  if (libc.name === 'musl' || libc.libraryDirectory === undefined || hasPreloadVariable(environment))
    return planVariable(image, libraries);
  const plan = { loadedBy: PRELOAD_FILE, environment } as const;
  const places = libraryPlaces(architecture, libc.libraryDirectory);
  const paths = Object.entries(places).map(
    ([place, kind]) => [`${LIBRARY_ROOT}/${place}/libmpu.so`, libraryOf(libraries, kind)] as const,
  );
  const preload = await files.readFile(PRELOAD_FILE);
  const merged = addPreloadEntry(preload);
  const isNamed = preload !== undefined && merged.equals(preload);
  if (isNamed && (await hasLibraries(files, Object.fromEntries(paths)))) return { ...plan, entries: [] };
  const entries = libraryEntries(places, libraries);
  if (!isNamed) entries.push({ type: 'file', path: PRELOAD_FILE.slice(1), data: merged });
  return { ...plan, entries };
}
