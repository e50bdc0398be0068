// SPDX-License-Identifier: GPL-2.0-only
/** Editing an image of an engine outside of it: saved into an archive, edited there, and loaded under its new name. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MpuError, fileError, throwIfInterrupted } from '../errors.js';
import type { InjectOptions } from '../inject-types.js';
import { DockerArchiveStore } from '../oci/docker-archive-store.js';
import type { ImageStore } from '../oci/image-store.js';
import type { Source } from './find-image.js';

/** Options with which an editor is to make the new archive. */
export interface ArchiveRequest {
  tag: string;
  output: string;
  force: true;
  readLayers: 'always';
}

/**
 * Lets `edit` change an image in an archive, and loads what came of it as `target`; nothing else has that
 * name before everything is there. Needs room for two copies of the image in the temporary directory.
 */
export async function editInArchive<T extends { sizeAdded: number }>(
  { engine, image }: Source,
  target: string,
  options: Pick<InjectOptions, 'signal' | 'onProgress'>,
  edit: (store: ImageStore, request: ArchiveRequest) => Promise<T>,
): Promise<T & { id: string }> {
  const what = `cannot edit the image ${image.id} of ${engine.name}`;
  const directory = await mkdtemp(join(tmpdir(), 'mpu-image-')).catch((error: unknown) => {
    throw fileError(error, what);
  });
  try {
    const [file, output] = [join(directory, 'source.tar'), join(directory, 'new.tar')];
    options.onProgress?.(`saving the image from ${engine.name}`);
    await engine.save(image, file);
    throwIfInterrupted(options.signal);
    const store = await DockerArchiveStore.open({ kind: 'docker-archive', text: `docker-archive:${file}`, file, tag: undefined }, options);
    const edited = await edit(store, { tag: target, output, force: true, readLayers: 'always' });
    throwIfInterrupted(options.signal);
    options.onProgress?.(`loading ${target} into ${engine.name}`);
    await engine.load(output);
    const made = await engine.inspect(target);
    if (made !== undefined) return { ...edited, id: made.id };
    throw new MpuError({ code: 'engine-failed', what, why: `${engine.name} loaded no ${target}`, next: `${engine.name} images` });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
