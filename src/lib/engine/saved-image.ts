// SPDX-License-Identifier: GPL-2.0-only
/** An image of an engine outside of it: saved into an archive, read or edited there, and loaded under its new name. */
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MpuError, fileError, throwIfInterrupted } from '../errors.js';
import type { InjectOptions } from '../image/types.js';
import type { ImageFiles } from '../payload/plan.js';
import { readImage } from '../oci/image.js';
import type { ImageStore } from '../oci/image-store.js';
import { layerOptions } from '../oci/layer-options.js';
import { LayeredFiles } from '../oci/layered-files.js';
import { openStore } from '../stores/open-store.js';
import type { Source } from './find-image.js';

/** Options with which an editor is to make the new archive. */
export interface ArchiveRequest {
  tag: string;
  output: string;
  force: true;
  readLayers: 'always';
}

/** What came of an edit. */
export type Loaded<T> = T & {
  id: string;
  /** False where the engine has it under its new name already. */
  isNew: boolean;
};

type Options = Pick<InjectOptions, 'signal' | 'onProgress'>;

/** The image in an archive, which is written when it is first asked for. */
export class SavedImage {
  #store: ImageStore | undefined;

  constructor(
    private readonly source: Source,
    private readonly options: Options,
    private readonly directory: () => Promise<string>,
  ) {}

  /** The files of the image. */
  async files(): Promise<ImageFiles> {
    const store = await this.#open();
    const { layers, platform } = await readImage(store, store.descriptor);
    return new LayeredFiles(store, layers, layerOptions(store, platform, this.options));
  }

  /**
   * Lets `edit` change the image, and loads what came of it as `target`, which nothing has as its name before everything
   * is there. `isWanted` is asked before that, and told the id it will have: if it says no, nothing is loaded. Needs
   * room for two copies of the image in the temporary directory.
   */
  async edit<T extends object>(
    target: string,
    edit: (store: ImageStore, request: ArchiveRequest) => Promise<T>,
    isWanted: (id: string) => boolean,
  ): Promise<Loaded<T>> {
    const { engine, image } = this.source;
    const { signal, onProgress } = this.options;
    const store = await this.#open();
    const output = join(await this.directory(), 'new.tar');
    const edited = await edit(store, { tag: target, output, force: true, readLayers: 'always' });
    const id = await idOf(await this.#openArchive(output));
    if (!isWanted(id)) return { ...edited, id, isNew: false };
    throwIfInterrupted(signal);
    onProgress?.(`loading ${target} into ${engine.name}`);
    await engine.load(output, image);
    const made = await engine.inspect(target);
    if (made !== undefined) return { ...edited, id: made.id, isNew: true };
    throw new MpuError({
      code: 'engine-failed',
      what: `cannot edit the image ${image.id} of ${engine.name}`,
      why: `${engine.name} loaded no ${target}`,
      next: `${engine.name} images`,
    });
  }

  async #open(): Promise<ImageStore> {
    if (this.#store !== undefined) return this.#store;
    const { engine, image } = this.source;
    const file = join(await this.directory(), 'source.tar');
    this.options.onProgress?.(`saving the image from ${engine.name}`);
    await engine.save(image, file, this.options.signal);
    const store = await this.#openArchive(file);
    if (engine.savesByName && (await idOf(store)) !== image.id) {
      throw new MpuError({
        code: 'image-moved',
        what: `cannot read the image ${image.id} of ${engine.name}`,
        why: 'its name was given to another image meanwhile',
        next: 'run it again',
      });
    }
    this.#store = store;
    return store;
  }

  #openArchive(file: string): Promise<ImageStore> {
    const kind = this.source.engine.archiveFormat(this.source.image);
    return openStore({ kind, text: `${kind}:${file}`, file, tag: undefined }, this.options);
  }
}

/** The digest of an image's configuration: its id in most engines. */
async function idOf(store: ImageStore): Promise<string> {
  return (await readImage(store, store.descriptor)).configDescriptor.digest;
}

/** Gives `work` the image as an archive; whatever was written is removed, even if the process ends at once. */
export async function withSavedImage<T>(
  source: Source,
  options: Options,
  work: (saved: SavedImage) => Promise<T>,
): Promise<T> {
  let directory: string | undefined;
  const removeNow = (): void => {
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  };
  const make = async (): Promise<string> => {
    directory ??= await mkdtemp(join(tmpdir(), 'mpu-image-')).catch((error: unknown) => {
      throw fileError(error, `cannot save the image ${source.image.id} of ${source.engine.name}`);
    });
    return directory;
  };
  process.once('exit', removeNow);
  try {
    return await work(new SavedImage(source, options, make));
  } finally {
    process.off('exit', removeNow);
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  }
}

/** Gives `work` the files of an image: of a container that is never started, or of the archive. */
export async function withFiles<T>(
  { engine, image }: Source,
  saved: SavedImage,
  { signal }: Options,
  work: (files: ImageFiles) => Promise<T>,
): Promise<T> {
  return engine.canRead(image) ? engine.withFiles(image, work, signal) : work(await saved.files());
}

/** The same where nothing else is done with the image. */
export async function withImageFiles<T>(
  source: Source,
  options: Options,
  work: (files: ImageFiles) => Promise<T>,
): Promise<T> {
  return withSavedImage(source, options, (saved) => withFiles(source, saved, options, work));
}
