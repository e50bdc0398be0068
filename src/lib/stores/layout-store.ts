// SPDX-License-Identifier: GPL-2.0-only
/** An image in an OCI image layout directory. */
import { stat } from 'node:fs/promises';
import type { MpuError } from '../errors.js';
import type { LayoutReference } from '../image/reference.js';
import { layoutTarget, type TargetRequest } from '../image/target-names.js';
import { layoutError } from './blob-store.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { JsonObject } from '../system/json.js';
import type { ExistingImage, ImageStore, ImageTarget, LayerData, StoreOptions } from '../oci/image-store.js';
import { entryOf, isEntryOfMpu, tagOf } from './layout-index.js';
import { Layout } from './layout.js';

/** The image that a reference names in an OCI layout. */
export class LayoutStore implements ImageStore {
  readonly kind = 'oci';
  readonly isLocal = true;
  readonly hasPlainLayers = false;

  private constructor(
    private readonly reference: LayoutReference,
    private readonly layout: Layout,
    readonly descriptor: Descriptor,
  ) {}

  /** Opens a layout and finds the image in it. */
  static async open(reference: LayoutReference, options: StoreOptions): Promise<LayoutStore> {
    const layout = await Layout.open(reference.directory, options);
    return new LayoutStore(reference, layout, layout.index.select(reference.tag));
  }

  get name(): string {
    return this.#nameOf(tagOf(this.descriptor));
  }

  invalid(why: string, cause?: unknown): MpuError {
    return layoutError(this.layout.directory, why, cause);
  }

  async readJson(descriptor: Descriptor): Promise<JsonObject> {
    return this.layout.blobs.readJson(descriptor);
  }

  async has({ digest }: Descriptor): Promise<boolean> {
    return this.layout.blobs.has(digest);
  }

  async findManifest(digest: string, mediaType: string): Promise<Descriptor | undefined> {
    await this.layout.lock();
    try {
      const { size } = await stat(this.layout.blobs.path(digest));
      return { mediaType, digest, size };
    } catch {
      return undefined;
    }
  }

  async openLayer({ digest, size, mediaType }: Descriptor): Promise<LayerData> {
    const path = this.layout.blobs.path(digest);
    const found = await stat(path).catch((error: unknown) => {
      throw this.invalid(`the layer ${digest} (${mediaType}) is missing`, error);
    });
    if (found.size !== size) throw this.invalid(`the layer ${digest} has ${found.size} bytes instead of ${size}`);
    return { size, digest, content: { path, offset: 0 } };
  }

  async addBlob(data: Buffer, mediaType: string): Promise<Descriptor> {
    await this.layout.lock();
    return this.layout.blobs.add(data, mediaType);
  }

  async addManifest(data: Buffer, mediaType: string): Promise<Descriptor> {
    return this.addBlob(data, mediaType);
  }

  target(request: TargetRequest): ImageTarget {
    const current = tagOf(this.descriptor);
    const tag = layoutTarget(this.reference, current ?? 'latest', request);
    const { layout } = this;
    return {
      name: this.#nameOf(tag),
      isSource: tag === current,
      async existing(): Promise<ExistingImage | undefined> {
        await layout.lock();
        const entry = layout.index.find(tag);
        return entry && { digest: entry.digest, isMadeByMpu: isEntryOfMpu(entry) };
      },
      commit: (image, isInjected) => layout.add(entryOf(image, tag, isInjected)),
    };
  }

  async discard(): Promise<void> {
    try {
      await this.layout.blobs.discard();
    } finally {
      await this.layout.unlock();
    }
  }

  #nameOf(tag: string | undefined): string {
    const { directory } = this.reference;
    return tag === undefined ? `oci:${directory}` : `oci:${directory}:${tag}`;
  }
}
