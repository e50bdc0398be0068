// SPDX-License-Identifier: GPL-2.0-only
/** References to blobs by their digest, and what the specifications call the things they refer to. */

import { isJsonObject } from '../system/json.js';

/** A reference to a blob (image-spec, descriptor.md). Unknown properties are kept. */
export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
  platform?: Platform;
  /** The blob itself, base64. */
  data?: string;
}

/** The platform of an image in an index. Unknown properties are kept. */
export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
}

/** Media types of what mpu reads and makes (image-spec, media-types.md; distribution, manifest-v2-2.md). */
export const MediaType = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const;

/** Largest JSON blob that is read (the registries' limit for a manifest, image-spec manifest.md). */
export const MAX_JSON_SIZE = 4 * 1024 * 1024;

/** Whether a descriptor refers to an index of several images. */
export function isIndex({ mediaType }: Descriptor): boolean {
  return mediaType === MediaType.ociIndex || mediaType === MediaType.dockerIndex;
}

/** Whether a descriptor refers to the manifest of one image, or of something else that is kept like one. */
export function isManifest({ mediaType }: Descriptor): boolean {
  return mediaType === MediaType.ociManifest || mediaType === MediaType.dockerManifest;
}

/** Whether a value is a {@link Descriptor}, as far as it is used here. */
export function isDescriptor(value: unknown): value is Descriptor {
  return (
    isJsonObject(value) &&
    typeof value.mediaType === 'string' &&
    typeof value.digest === 'string' &&
    typeof value.size === 'number'
  );
}

/** A descriptor that points to another blob; its platform, annotations and order of properties stay. */
export function redirect(descriptor: Descriptor, blob: Descriptor): Descriptor {
  const redirected = { ...descriptor, ...blob };
  delete redirected.data;
  return redirected;
}

/** An object without some of its properties. */
export function omit<T>(object: Record<string, T>, ...names: string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}
