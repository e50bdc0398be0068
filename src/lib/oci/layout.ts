// SPDX-License-Identifier: GPL-2.0-only
/** An OCI image layout directory. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MpuError, errnoName, fileError } from '../errors.js';
import { BlobStore, layoutError, writeAside } from './blob-store.js';
import type { Descriptor } from './descriptor.js';
import { LayoutIndex, checkMarker } from './layout-index.js';

/** An opened OCI layout. */
export class Layout {
  private constructor(
    readonly directory: string,
    readonly blobs: BlobStore,
    readonly index: LayoutIndex,
    private readonly indexBytes: Buffer,
  ) {}

  /** Opens a layout and checks what it is. */
  static async open(directory: string): Promise<Layout> {
    checkMarker(await readLayoutFile(directory, 'oci-layout'), (why, cause) => layoutError(directory, why, cause));
    const bytes = await readLayoutFile(directory, 'index.json');
    return new Layout(directory, new BlobStore(directory), new LayoutIndex(bytes, directory, 'oci'), bytes);
  }

  /**
   * Adds an entry to the index, in place of the one of the same tag. index.json is replaced as a whole, and
   * only if nothing else has changed it since it was opened; the blobs that were added are kept from then on.
   */
  async add(entry: Descriptor): Promise<void> {
    const path = join(this.directory, 'index.json');
    if (!(await readLayoutFile(this.directory, 'index.json')).equals(this.indexBytes)) {
      throw new MpuError({
        code: 'layout-busy',
        what: `cannot add an image to ${this.directory}`,
        why: 'another program changed it in the meantime',
        next: 'run it again',
      });
    }
    const { mode } = await stat(path);
    await writeAside(path, this.index.withEntry(entry), mode & 0o777);
    this.blobs.keep();
  }
}

async function readLayoutFile(directory: string, name: string): Promise<Buffer> {
  const path = join(directory, name);
  try {
    return await readFile(path);
  } catch (error) {
    const errno = errnoName(error);
    if (errno !== 'ENOENT' && errno !== 'ENOTDIR') throw fileError(error, `cannot read the OCI layout ${directory}`);
    const exists = await stat(directory).then(
      (found) => found.isDirectory(),
      () => false,
    );
    throw layoutError(directory, exists ? `it has no ${name}` : 'there is no such directory', error);
  }
}
