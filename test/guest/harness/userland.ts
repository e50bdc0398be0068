// SPDX-License-Identifier: GPL-2.0-only
/** The files of a guest that runs node and other programs of this system. */
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { withLock } from '#mpu/lib/system/download-cache.js';
import { packageRoot } from '#mpu/lib/package/root.js';
import { check } from '../../support/mpu.js';

const archives = join(packageRoot, 'build', 'guest', 'userland');

/** Packs a directory into an archive that the kernel unpacks at boot. */
export async function packTree(tree: string, archive: string): Promise<void> {
  const script = 'cd "$0" && find . | cpio --quiet -R 0:0 -o -H newc >"$1"';
  await check('sh', ['-c', script, tree, archive]);
}

/** What tells one state of a file from another, and so for all files below a directory. */
async function stateOf(path: string): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  return `${path} ${size} ${mtimeMs}\n`;
}

async function statesBelow(path: string): Promise<string> {
  if (!(await stat(path)).isDirectory()) return stateOf(path);
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.sort().map(stateOf))).join('');
}

/** A collection of this system's files that becomes part of a guest's root. */
export class Userland {
  /** Files and directories by their path in the guest. */
  private readonly sources = new Map<string, string>();
  private readonly empty = new Set<string>();

  /** Adds a file or directory of this system. */
  async add(source: string, path: string): Promise<void> {
    this.sources.set(path, await realpath(source));
  }

  directories(...paths: string[]): void {
    for (const path of paths) this.empty.add(path);
  }

  /** Adds the libraries that a program or library is linked with, where they are on this system. */
  async addLibraries(path: string): Promise<void> {
    const libraries = [...(await check('ldd', [path])).matchAll(/(\/\S+) \(0x/g)].map(([, library = '']) => library);
    for (const library of libraries) await this.add(library, library);
  }

  /** Adds programs, by name or by path, where they are on this system, with their libraries. */
  async addPrograms(...names: string[]): Promise<void> {
    for (const name of names) {
      const path = name.startsWith('/') ? name : (await check('sh', ['-c', 'command -v "$0"', name])).trim();
      await this.add(path, path);
      await this.addLibraries(path);
    }
  }

  /** Adds node as /usr/bin/node. */
  async addNode(): Promise<void> {
    await this.add(process.execPath, '/usr/bin/node');
    await this.addLibraries(process.execPath);
  }

  private async fingerprint(): Promise<string> {
    const hash = createHash('sha256').update([...this.empty].join('\n'));
    for (const [path, source] of this.sources) hash.update(`${path}\0${await statesBelow(source)}`);
    return hash.digest('hex').slice(0, 16);
  }

  private async fill(tree: string): Promise<void> {
    for (const path of this.empty) await mkdir(join(tree, path), { recursive: true });
    for (const [path, source] of this.sources) {
      await mkdir(dirname(join(tree, path)), { recursive: true });
      await cp(source, join(tree, path), { recursive: true, dereference: true });
    }
  }

  /** Returns the path of an archive of all of it. All guests share what was packed from the same files. */
  async archive(): Promise<string> {
    const name = `${await this.fingerprint()}.cpio`;
    const path = join(archives, name);
    await withLock(join(archives, 'lock'), async () => {
      const names = await readdir(archives);
      if (names.includes(name)) return;
      for (const other of names.filter((each) => each.endsWith('.cpio'))) await rm(join(archives, other));
      const scratch = await mkdtemp(join(tmpdir(), 'mpu-userland-'));
      try {
        await this.fill(join(scratch, 'tree'));
        await packTree(join(scratch, 'tree'), `${path}.part`);
        await rename(`${path}.part`, path);
      } finally {
        await rm(scratch, { recursive: true });
      }
    });
    return path;
  }
}
