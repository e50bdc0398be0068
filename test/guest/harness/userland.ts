// SPDX-License-Identifier: GPL-2.0-only
/** The files of a guest that runs node and other programs of this system. */
import { chmod, cp, mkdir, realpath, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { packageRoot } from '#mpu/lib/package/root.js';
import { check } from '../../support/mpu.js';

/** A directory that becomes the root of a guest. */
export class Userland {
  /** @param tree - path of the directory; made unless it is there */
  constructor(readonly tree: string) {}

  /** Copies a file or directory of this system to a path in the guest. */
  async add(source: string, path: string): Promise<void> {
    await mkdir(dirname(join(this.tree, path)), { recursive: true });
    await cp(await realpath(source), join(this.tree, path), { recursive: true, dereference: true });
  }

  async directories(...paths: string[]): Promise<void> {
    for (const path of paths) await mkdir(join(this.tree, path), { recursive: true });
  }

  /** The libraries that a program or library is linked with, where they are on this system. */
  async addLibraries(path: string): Promise<void> {
    const libraries = [...(await check('ldd', [path])).matchAll(/(\/\S+) \(0x/g)].map(([, library = '']) => library);
    for (const library of libraries) await this.add(library, library);
  }

  /** Programs, by name or by path, where they are on this system, with their libraries. */
  async addPrograms(...names: string[]): Promise<void> {
    for (const name of names) {
      const path = name.startsWith('/') ? name : (await check('sh', ['-c', 'command -v "$0"', name])).trim();
      await this.add(path, path);
      await this.addLibraries(path);
    }
  }

  /** node as /usr/bin/node, and /power-off, which ends QEMU when its input ends. */
  async addNode(): Promise<void> {
    await this.add(process.execPath, '/usr/bin/node');
    await this.addLibraries(process.execPath);
    const source = join(packageRoot, 'test', 'guest', 'programs', 'power-off.c');
    await check('gcc', ['-static', '-O2', '-o', join(this.tree, 'power-off'), source]);
  }

  /** The program that the kernel starts. */
  async init(text: string): Promise<void> {
    await writeFile(join(this.tree, 'init'), text);
    await chmod(join(this.tree, 'init'), 0o755);
  }

  /** Packs all of it into an initramfs. */
  async pack(initramfs: string): Promise<void> {
    await check('sh', ['-c', 'cd "$0" && find . | cpio --quiet -o -H newc >"$1"', this.tree, initramfs]);
  }
}
