// SPDX-License-Identifier: GPL-2.0-only
/** An OCI image layout directory. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MpuError, errnoName, fileError, messageOf, throwIfInterrupted } from '../errors.js';
import { takeLock } from '../system/file-lock.js';
import { BlobStore, layoutError } from './blob-store.js';
import { writeAtomic } from '../system/replace-file.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { StoreOptions } from '../oci/image-store.js';
import { LayoutIndex, checkMarker } from './layout-index.js';

/** Milliseconds of waiting for another mpu that are not worth a word. */
const SHORT_WAIT = 500;

/** An opened OCI layout. */
export class Layout {
  readonly blobs: BlobStore;
  #indexBytes: Buffer;
  #index: LayoutIndex;
  #lock: Promise<() => Promise<void>> | undefined;

  private constructor(
    readonly directory: string,
    indexBytes: Buffer,
    private readonly options: StoreOptions,
  ) {
    this.blobs = new BlobStore(directory);
    this.#indexBytes = indexBytes;
    this.#index = new LayoutIndex(indexBytes, directory, 'oci');
  }

  /** Opens a layout and checks what it is. */
  static async open(directory: string, options: StoreOptions): Promise<Layout> {
    checkMarker(await readLayoutFile(directory, 'oci-layout'), (why, cause) => layoutError(directory, why, cause));
    return new Layout(directory, await readLayoutFile(directory, 'index.json'), options);
  }

  /** The images that are in the layout: now, if it is locked; else when it was opened. */
  get index(): LayoutIndex {
    return this.#index;
  }

  /**
   * Keeps other mpus from changing the layout until {@link Layout.unlock}: from the first look at what may be there
   * already to the name that refers to it. One that gave up would otherwise discard what another one counts on.
   */
  async lock(): Promise<void> {
    this.#lock ??= this.#takeLock();
    await this.#lock;
  }

  /** Lets others go on. */
  async unlock(): Promise<void> {
    const release = await this.#lock?.catch(() => undefined);
    this.#lock = undefined;
    await release?.();
  }

  /**
   * Adds an entry to the index of a locked layout, in place of the one of the same tag. index.json is replaced as a
   * whole, and only if nothing else, such as a program that does not know the lock, has changed it; the blobs that were
   * added are kept from then on.
   */
  async add(entry: Descriptor): Promise<void> {
    const path = join(this.directory, 'index.json');
    if (!(await readLayoutFile(this.directory, 'index.json')).equals(this.#indexBytes)) {
      throw new MpuError({
        code: 'layout-busy',
        what: `cannot add an image to ${this.directory}`,
        why: 'another program changed it in the meantime',
        next: 'run it again',
      });
    }
    const { mode } = await stat(path);
    await writeAtomic(path, this.index.withEntry(entry), mode & 0o777);
    this.blobs.keep();
  }

  async #takeLock(): Promise<() => Promise<void>> {
    const { signal, onProgress } = this.options;
    const said = setTimeout(() => onProgress?.(`waiting for another mpu to finish with ${this.directory}`), SHORT_WAIT);
    try {
      // A file that every layout has, and nothing replaces: a lock file of its own would be left in it.
      const release = await takeLock(join(this.directory, 'oci-layout'), signal);
      try {
        this.#indexBytes = await readLayoutFile(this.directory, 'index.json');
        this.#index = new LayoutIndex(this.#indexBytes, this.directory, 'oci');
        return release;
      } catch (error) {
        await release();
        throw error;
      }
    } catch (error) {
      throwIfInterrupted(signal);
      if (error instanceof MpuError) throw error;
      throw new MpuError({
        code: 'layout-lock',
        what: `cannot lock ${this.directory}`,
        why: errnoName(error) === 'ENOENT' ? 'there is no flock program' : messageOf(error),
        next: 'install util-linux, or copy the layout to a file system that has locks',
        cause: error,
      });
    } finally {
      clearTimeout(said);
    }
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
