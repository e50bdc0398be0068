// SPDX-License-Identifier: GPL-2.0-only
/** What containers are given of the host by bind mounts: libmpu.so, and a preload file that names it. */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError, MpuError, ExitCode, errnoName } from '../errors.js';
import { packLayer } from '../oci/pack-layer.js';
import type { LayerEntry } from '../payload/layer-entry.js';
import { loadLibraries, platformEntries, type Architecture, hostArchitecture } from '../payload/libraries.js';
import { LIBRARY_ROOT, PLATFORM_ENTRY, PRELOAD_FILE } from '../payload/preload-file.js';
import { makeDirectory } from '../system/make-directory.js';

/** Where they lie unless another directory is named. Not in /run: that is often mounted noexec. */
export const HOST_DIRECTORY = '/var/lib/mpu';

/** Prefix of the directories that {@link installHostFiles} makes. */
const PREFIX = 'cdi-';

/** The files on the host. */
export interface HostFiles {
  /** To be mounted at {@link LIBRARY_ROOT}. */
  libraries: string;
  /** To be mounted at {@link PRELOAD_FILE}. */
  preload: string;
}

function supportedArchitecture(): Architecture {
  const architecture = hostArchitecture();
  if (architecture !== undefined) return architecture;
  throw new MpuError({
    code: 'platform-unsupported',
    what: 'cannot make CDI devices',
    why: `libmpu.so exists for x86-64 and arm64, and this machine is ${process.arch}`,
    next: 'run it on the host of the containers',
    exitCode: ExitCode.hostUnsupported,
  });
}

/** What images are given of which nothing is known. */
async function entriesFor(libraryDirectory: string | undefined): Promise<LayerEntry[]> {
  const architecture = supportedArchitecture();
  const libraries = await loadLibraries(architecture, libraryDirectory);
  return [
    // An image that was injected has a preload file with $LIB, and its own libraries are hidden by these.
    ...platformEntries(architecture, libraries, 'lib'),
    { type: 'directory', path: 'etc' },
    { type: 'file', path: PRELOAD_FILE.slice(1), data: Buffer.from(`${PLATFORM_ENTRY}\n`) },
  ];
}

async function writeEntries(root: string, entries: readonly LayerEntry[]): Promise<void> {
  for (const entry of entries) {
    const path = join(root, entry.path);
    if (entry.type === 'directory') await makeDirectory(path, 0o755);
    else if (entry.type === 'file') await writeFile(path, entry.data, { mode: 0o644 });
    else await symlink(entry.target, path);
  }
}

/** Whether a directory has all the entries as they should be. */
async function holds(root: string, entries: readonly LayerEntry[]): Promise<boolean> {
  for (const entry of entries) {
    const path = join(root, entry.path);
    const data = entry.type === 'file' ? await readFile(path).catch(() => undefined) : undefined;
    if (entry.type === 'file' && data?.equals(entry.data) !== true) return false;
    if (entry.type === 'symlink' && (await readlink(path).catch(() => undefined)) !== entry.target) return false;
  }
  return true;
}

/**
 * Puts the files below `directory`, unless they are there. Each version has a directory of its own, named
 * by its content, which is never changed: running containers have theirs mounted. Rejects with an MpuError.
 */
export async function installHostFiles(directory: string, libraryDirectory: string | undefined): Promise<HostFiles> {
  const entries = await entriesFor(libraryDirectory);
  const digest = createHash('sha256')
    .update(await packLayer(entries, 0))
    .digest('hex')
    .slice(0, 12);
  const version = join(directory, `${PREFIX}${digest}`);
  const files = { libraries: join(version, LIBRARY_ROOT), preload: join(version, PRELOAD_FILE) };
  if (await holds(version, entries)) return files;
  // Readable for every container, whatever the caller's umask.
  const umask = process.umask(0o022);
  try {
    await makeDirectory(directory);
    const aside = await mkdtemp(join(directory, '.aside-'));
    try {
      const fresh = join(aside, 'new');
      await writeEntries(fresh, entries);
      await rename(version, join(aside, 'old')).catch(() => undefined);
      await rename(fresh, version);
    } finally {
      await rm(aside, { recursive: true, force: true });
    }
  } catch (error) {
    throw fileError(error, `cannot put libmpu.so into ${directory}`);
  } finally {
    process.umask(umask);
  }
  return files;
}

/**
 * The directories of versions that a process has mounted, by the root of each mount: what mountinfo says is
 * relative to the file system, so the name of the directory has to do.
 */
async function mountedVersions(): Promise<Set<string>> {
  const mounted = new Set<string>();
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const mounts = await readFile(`/proc/${pid}/mountinfo`, 'utf8').catch(() => '');
    for (const [, name = ''] of mounts.matchAll(new RegExp(`^\\d+ \\d+ \\S+ \\S*/(${PREFIX}[0-9a-f]{12})/\\S+ `, 'gm')))
      mounted.add(name);
  }
  return mounted;
}

/** Removes every version that no container has mounted. Returns the paths of those that went and that stayed. */
export async function removeHostFiles(directory: string): Promise<{ removed: string[]; used: string[] }> {
  try {
    const names = await readdir(directory).catch((error: unknown) => {
      if (errnoName(error) === 'ENOENT') return [];
      throw error;
    });
    const versions = names.filter((name) => /^cdi-[0-9a-f]{12}$/.test(name));
    const mounted = versions.length === 0 ? new Set() : await mountedVersions();
    const removed = versions.filter((name) => !mounted.has(name)).map((name) => join(directory, name));
    for (const path of removed) await rm(path, { recursive: true });
    const used = versions.filter((name) => mounted.has(name)).map((name) => join(directory, name));
    return { removed, used };
  } catch (error) {
    throw fileError(error, `cannot remove what is in ${directory}`);
  }
}
