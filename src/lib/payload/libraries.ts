// SPDX-License-Identifier: GPL-2.0-only
/** What mpu puts into an image: the preloaded library, where every program's loader will find it. */
import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { MpuError, errnoName, fileError } from '../errors.js';
import type { LayerEntry } from './layer-entry.js';
import type { LibraryDirectory } from './loader.js';
import { packageRoot } from '../package/root.js';
import { LIBRARY_ROOT } from './preload-file.js';

/** An architecture that images can have. */
export type Architecture = 'x86_64' | 'aarch64';

/** The architectures that the library is built for. */
export const LIBRARY_ARCHITECTURES = ['x86_64', 'i386', 'aarch64'] as const;

/** One of {@link LIBRARY_ARCHITECTURES}. */
export type LibraryArchitecture = (typeof LIBRARY_ARCHITECTURES)[number];

/** The built libraries that an image needs. */
export type Libraries = Partial<Record<LibraryArchitecture, Buffer>>;

/** Where a build leaves the libraries: `<directory>/<architecture>/libmpu.so`. */
export const defaultLibraryDirectory = join(packageRoot, 'build', 'preload');

/** The architectures that images can have, by their names in image configurations and in Dockerfiles (TARGETARCH). */
export const IMAGE_ARCHITECTURES: Readonly<Record<string, Architecture>> = { amd64: 'x86_64', arm64: 'aarch64' };

/** The same by Node's names. */
const HOST_ARCHITECTURES: Partial<Record<NodeJS.Architecture, Architecture>> = { x64: 'x86_64', arm64: 'aarch64' };

/** The libraries an image needs: an x86_64 image may hold 32-bit programs, too. */
const NEEDED: Record<Architecture, readonly LibraryArchitecture[]> = {
  x86_64: ['x86_64', 'i386'],
  aarch64: ['aarch64'],
};

/** ELF class and e_machine (elf.h: EM_X86_64, EM_AARCH64, EM_386). */
const ELF_KIND: Record<LibraryArchitecture, { elfClass: number; machine: number }> = {
  x86_64: { elfClass: 2, machine: 62 },
  aarch64: { elfClass: 2, machine: 183 },
  i386: { elfClass: 1, machine: 3 },
};

/** The architecture by the name that image configurations use (`amd64`, `arm64`); undefined for those mpu lacks. */
export function architectureOf(platform: string): Architecture | undefined {
  return Object.hasOwn(IMAGE_ARCHITECTURES, platform) ? IMAGE_ARCHITECTURES[platform] : undefined;
}

/** The architecture of this machine's containers; undefined for those mpu lacks. */
export function hostArchitecture(): Architecture | undefined {
  return HOST_ARCHITECTURES[process.arch];
}

/** The libmpu.so for programs like this one. */
export function nativeLibrary(): string {
  const architecture = process.arch === 'ia32' ? 'i386' : (hostArchitecture() ?? process.arch);
  return join(defaultLibraryDirectory, architecture, 'libmpu.so');
}

function isLibraryFor(architecture: LibraryArchitecture, data: Buffer): boolean {
  const { elfClass, machine } = ELF_KIND[architecture];
  return (
    data.length > 20 &&
    data.readUInt32BE(0) === 0x7f454c46 &&
    data.readUInt8(4) === elfClass &&
    data.readUInt16LE(18) === machine
  );
}

/**
 * Reads the built libraries an image of this architecture needs. A missing one is an error that names
 * the build command, and so is one built for something else: it would break every program of the image.
 */
export async function loadLibraries(
  architecture: Architecture,
  directory: string = defaultLibraryDirectory,
): Promise<Libraries> {
  const libraries: Libraries = {};
  for (const needed of NEEDED[architecture]) {
    const path = join(directory, needed, 'libmpu.so');
    const what = `cannot take libmpu.so for ${needed}`;
    const next =
      directory === defaultLibraryDirectory
        ? `build it: npm --prefix ${packageRoot} run build`
        : 'put the built library there, or leave out --library-dir';
    let data: Buffer;
    try {
      data = await readFile(path);
    } catch (error) {
      if (errnoName(error) !== 'ENOENT') throw fileError(error, what);
      throw new MpuError({ code: 'library-missing', what, why: `${path} does not exist`, next, cause: error });
    }
    if (!isLibraryFor(needed, data)) {
      throw new MpuError({ code: 'library-invalid', what, why: `${path} is not an ELF file for ${needed}`, next });
    }
    libraries[needed] = data;
  }
  return libraries;
}

/** The directories below {@link LIBRARY_ROOT} that are not links. */
const TRIPLET_DIRECTORIES: Record<LibraryArchitecture, LibraryDirectory> = {
  x86_64: 'lib/x86_64-linux-gnu',
  i386: 'lib/i386-linux-gnu',
  aarch64: 'lib/aarch64-linux-gnu',
};

/** Where the library for an architecture lies in an image; all else below {@link LIBRARY_ROOT} are links to those. */
export function libraryFile(architecture: LibraryArchitecture): string {
  return `${LIBRARY_ROOT}/${TRIPLET_DIRECTORIES[architecture]}/libmpu.so`;
}

/** Every {@link libraryFile}. */
export const LIBRARY_FILES: readonly string[] = LIBRARY_ARCHITECTURES.map(libraryFile);

/** The values of `$PLATFORM`: what the kernel says (AT_PLATFORM), or what glibc from 2.26 makes of the processor on x86. */
const PLATFORMS: Record<LibraryArchitecture, readonly string[]> = {
  x86_64: ['x86_64', 'haswell', 'xeon_phi'],
  i386: ['i686', 'i586', 'i486', 'i386'],
  aarch64: ['aarch64'],
};

/** Which library has to be found for each value of `$LIB`. */
export type LibraryPlaces = Partial<Record<LibraryDirectory, LibraryArchitecture>>;

/**
 * The values of `$LIB` that loaders of an image use: Debian's and Ubuntu's multiarch directories,
 * `lib64`, `lib32` and `lib`. `native` is the value of the image's 64-bit loader; only `lib` depends on
 * it: it means the 64-bit libraries on Arch-like systems, the 32-bit ones on Fedora, RHEL and SUSE, and is left out where
 * nobody knows.
 */
export function libraryPlaces(architecture: Architecture, native: LibraryDirectory | undefined): LibraryPlaces {
  if (architecture === 'aarch64') {
    return { 'lib/aarch64-linux-gnu': 'aarch64', lib64: 'aarch64', lib: 'aarch64' };
  }
  return {
    'lib/x86_64-linux-gnu': 'x86_64',
    'lib/i386-linux-gnu': 'i386',
    lib64: 'x86_64',
    lib32: 'i386',
    ...(native === undefined ? {} : { lib: native === 'lib' ? 'x86_64' : 'i386' }),
  };
}

/** The library at each place as layer entries: one file an architecture, links to it elsewhere. */
export function libraryEntries(places: LibraryPlaces, libraries: Libraries): LayerEntry[] {
  const root = LIBRARY_ROOT.slice(1);
  const entries: LayerEntry[] = [
    { type: 'directory', path: root },
    { type: 'directory', path: `${root}/lib` },
  ];
  for (const [place, architecture] of Object.entries(places)) {
    const directory = TRIPLET_DIRECTORIES[architecture];
    const path = `${root}/${place}`;
    if (place === directory) {
      entries.push({ type: 'directory', path });
      entries.push({ type: 'file', path: `${path}/libmpu.so`, data: libraryOf(libraries, architecture) });
    } else if (place === 'lib') {
      entries.push({
        type: 'symlink',
        path: `${path}/libmpu.so`,
        target: `${posix.relative('lib', directory)}/libmpu.so`,
      });
    } else {
      entries.push({ type: 'symlink', path, target: directory });
    }
  }
  return entries;
}

/**
 * The libraries for images of which nothing else is known: by {@link PLATFORM_ENTRY}, and by `$LIB` where that has one
 * meaning. musl takes `$PLATFORM` for a directory of that name, so there is one; scripts that expand it to nothing find
 * a library, too. With `lib` that value of `$LIB` is taken for 64-bit, as on Arch.
 */
export function platformEntries(architecture: Architecture, libraries: Libraries, lib?: 'lib'): LayerEntry[] {
  const root = LIBRARY_ROOT.slice(1);
  const native = TRIPLET_DIRECTORIES[architecture];
  const link = (name: string, target: string): LayerEntry => ({ type: 'symlink', path: `${root}/${name}`, target });
  return [
    ...libraryEntries(libraryPlaces(architecture, lib), libraries),
    ...NEEDED[architecture].flatMap((needed) =>
      PLATFORMS[needed].map((platform) => link(platform, TRIPLET_DIRECTORIES[needed])),
    ),
    link('$PLATFORM', native),
    link('libmpu.so', `${native}/libmpu.so`),
  ];
}

/** One of the libraries that {@link loadLibraries} read. */
export function libraryOf(libraries: Libraries, architecture: LibraryArchitecture): Buffer {
  const data = libraries[architecture];
  if (data === undefined) throw new RangeError(`the library for ${architecture} was not loaded`);
  return data;
}
