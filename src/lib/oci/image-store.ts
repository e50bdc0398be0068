// SPDX-License-Identifier: GPL-2.0-only
/**
 * What images are read from and written to: the seam between editing an image, which is the same
 * everywhere, and the places images lie in (layouts, archives, registries).
 */
import type { Readable } from 'node:stream';
import type { MpuError } from '../errors.js';
import type { Descriptor } from './descriptor.js';
import type { JsonObject } from '../system/json.js';
import type { StoreKind } from '../image/types.js';
import type { TargetRequest } from '../image/target-names.js';

/** A layer blob to read. */
export interface LayerData {
  /** Bytes of the blob as it is stored. */
  size: number;
  /** What those bytes must hash to; undefined when nothing says so. */
  digest: string | undefined;
  /** A part of a local file, or bytes that come from elsewhere. */
  content: { path: string; offset: number } | Readable;
}

/** How a store is opened. */
export interface StoreOptions {
  /** Stops what takes long. */
  signal?: AbortSignal | undefined;
  /** Told what is being done. */
  onProgress?: ((line: string) => void) | undefined;
  /** Whether registries are spoken to without TLS. Default false. */
  plainHttp?: boolean | undefined;
}

/** What a name stands for. */
export interface ExistingImage {
  /** Undefined when the name stands for something else than one image. */
  digest: string | undefined;
  isMadeByMpu: boolean;
}

/** The name of a new image, and the last step of making it. */
export interface ImageTarget {
  /** Full name, as the user would give it to mpu. */
  readonly name: string;
  /** Whether it is the source's own name, which never moves; an archive may, if that was asked for by force. */
  readonly isSource: boolean;
  /** What has the name now. */
  existing(): Promise<ExistingImage | undefined>;
  /**
   * Gives the name to an image that was added to the store, or was there: the last step, at once and as a
   * whole. Whatever the image refers to that the target's place lacks is copied there first. What was
   * added is kept from then on. `isInjected` marks the name as made by mpu where a place has such marks.
   */
  commit(image: Descriptor, isInjected: boolean): Promise<void>;
}

/**
 * One image in the place it lies in. Methods reject with an {@link MpuError}. Nothing that others see
 * changes before {@link ImageTarget.commit}.
 */
export interface ImageStore {
  readonly kind: StoreKind;
  /** Full name of the image, as the user would give it to mpu. */
  readonly name: string;
  /** The image: a manifest, or an index of several. */
  readonly descriptor: Descriptor;
  /** Whether layers lie on this machine, so that reading them costs time only. */
  readonly isLocal: boolean;
  /** Whether layers are stored without compression here. */
  readonly hasPlainLayers: boolean;
  /** The error of contents that are not what the specification says. */
  invalid(why: string, cause?: unknown): MpuError;
  /** A manifest, index or configuration; its size and digest are checked. */
  readJson(descriptor: Descriptor): Promise<JsonObject>;
  /** Whether a blob is there. Some tools leave out those of other platforms. */
  has(descriptor: Descriptor): Promise<boolean>;
  /** The manifest or index with a digest that was noted somewhere, if it is there. */
  findManifest(digest: string, mediaType: string): Promise<Descriptor | undefined>;
  /** A layer's bytes; its size is checked, its digest is left to the reader. */
  openLayer(descriptor: Descriptor): Promise<LayerData>;
  /** Adds a layer or configuration, unless it is there. */
  addBlob(data: Buffer, mediaType: string): Promise<Descriptor>;
  /** Adds a manifest or index, unless it is there; what it refers to was added or is there. */
  addManifest(data: Buffer, mediaType: string): Promise<Descriptor>;
  /** The place for a new image. Throws a usage error for names that cannot be. */
  target(request: TargetRequest): ImageTarget;
  /** Removes what was added since the last commit, and lets others go on: the last call. */
  discard(): Promise<void>;
}
