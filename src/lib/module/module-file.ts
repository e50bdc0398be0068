// SPDX-License-Identifier: GPL-2.0-only
/** Files of kernel modules: what they say about themselves, and where those of mpu lie. */
import { access, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { elfSection } from '../system/elf.js';
import { MpuError, errnoName, fileError } from '../errors.js';
import type { Host } from '../system/host.js';
import { lastLines, runProgram } from '../system/program.js';

/** What mpu.ko is called, with the endings of its compressed forms. */
const MODULE_FILE = /^mpu\.ko(\.gz|\.xz|\.zst)?$/;

/** MODULE_AUTHOR of mpu.ko: other projects have a module of the same name. */
const AUTHOR = 'The mpu authors';

/** The kernel's own mark at the end of a signed module (scripts/sign-file.c). */
const SIGNATURE_MARK = '~Module signature appended~\n';

/** A module file. */
export interface ModuleFile {
  /** Path as seen from here. */
  path: string;
  /** Whether it is mpu.ko of this project. */
  ours: boolean;
  /** MODULE_VERSION, undefined when it has none. */
  version: string | undefined;
  /** Release of the kernel it was built for. */
  kernel: string | undefined;
  signed: boolean;
}

/** The entries of a module's .modinfo section; none when it is no such file. */
export function parseModinfo(data: Buffer): Map<string, string> {
  const info = new Map<string, string>();
  for (const entry of elfSection(data, '.modinfo')?.toString('utf8').split('\0') ?? []) {
    const [name = '', ...value] = entry.split('=');
    if (!info.has(name)) info.set(name, value.join('='));
  }
  return info;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function uncompressed(path: string, data: Buffer): Promise<Buffer> {
  if (path.endsWith('.gz')) return promisify(gunzip)(data);
  const program = path.endsWith('.xz') ? 'xz' : path.endsWith('.zst') ? 'zstd' : undefined;
  if (program === undefined) return data;
  const what = `cannot read ${path}`;
  const result = await runProgram(program, ['-dc', path], what);
  if (result.status === 0) return result.stdout;
  throw new MpuError({
    code: 'module-invalid',
    what,
    why: lastLines({ stdout: Buffer.alloc(0), stderr: result.stderr }),
    next: `remove it: sudo rm ${path}`,
  });
}

/** Reads a module file. Throws an MpuError when it is no module or cannot be read. */
export async function readModuleFile(path: string): Promise<ModuleFile> {
  const what = `cannot read the module ${path}`;
  const data = await readFile(path).catch((error: unknown) => {
    throw fileError(error, what);
  });
  const plain = await uncompressed(path, data);
  const info = parseModinfo(plain);
  const vermagic = info.get('vermagic');
  if (vermagic === undefined) {
    throw new MpuError({
      code: 'module-invalid',
      what,
      why: plain.length === 0 ? 'the file is empty' : 'it is not a kernel module',
      next: 'build one: mpu module build',
    });
  }
  const version = info.get('version');
  return {
    path,
    ours: info.get('author') === AUTHOR && version !== undefined,
    version,
    kernel: vermagic.split(' ')[0],
    signed: plain.subarray(-SIGNATURE_MARK.length).toString('latin1') === SIGNATURE_MARK,
  };
}

/** An mpu.ko below /lib/modules. */
export interface InstalledModule extends ModuleFile {
  /** Release of the kernel whose directory it lies in. */
  release: string;
  /** Directory below the kernel's, e.g. `extra` or `updates/dkms`. */
  place: string;
  /** Why the file could not be read; nothing else is known of it then. */
  problem?: string;
  /** A link that leads to no file, as depmod's weak-modules leaves behind when the other kernel goes. */
  dangling?: true;
}

/** Releases that have a directory below /lib/modules. */
export async function kernelReleases(host: Host): Promise<string[]> {
  const directory = await host.resolve('/lib/modules');
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    if (errnoName(error) === 'ENOENT') return [];
    throw fileError(error, `cannot list ${directory}`);
  });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/** Where modules that are no part of the kernel's own package go, by distribution. */
const PLACES = ['extra', 'updates', 'updates/dkms', 'extra/dkms', 'kernel/updates/dkms', 'weak-updates'];

/** Reads a module file; one that cannot be read has a `problem`. */
async function readInstalled(
  host: Host,
  path: string,
  inSystem: string,
): Promise<ModuleFile & Partial<InstalledModule>> {
  const unknown = { path, ours: false, version: undefined, kernel: undefined, signed: false };
  // weak-modules makes absolute links, which lead astray below another root unless they are followed as that system does.
  const file = await host.resolve(inSystem).catch(() => path);
  if (!(await exists(file))) {
    const target = await readlink(path).catch(() => file);
    return { ...unknown, problem: `it is a link to ${target}, which does not exist`, dangling: true };
  }
  return readModuleFile(file).then(
    (module) => ({ ...module, path }),
    (error: unknown) => {
      if (!(error instanceof MpuError)) throw error;
      return { ...unknown, problem: error.why };
    },
  );
}

/** Returns every mpu.ko of a kernel: also those of other projects, and those that cannot be read. */
export async function installedModules(host: Host, release: string): Promise<InstalledModule[]> {
  const directory = await host.resolve(`/lib/modules/${release}`);
  const found: InstalledModule[] = [];
  for (const place of PLACES) {
    const names = await readdir(join(directory, place)).catch((): string[] => []);
    for (const name of names.filter((candidate) => MODULE_FILE.test(candidate))) {
      const file = await readInstalled(host, join(directory, place, name), `/lib/modules/${release}/${place}/${name}`);
      found.push({ ...file, release, place });
    }
  }
  return found;
}
