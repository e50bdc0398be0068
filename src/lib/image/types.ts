// SPDX-License-Identifier: GPL-2.0-only
/** What goes into an injection and what comes out of it. */

import type { StoreKind } from '../oci/image-store.js';

/** The container engines whose images can be injected, in the order in which an image is looked for. */
export const ENGINES = ['docker', 'podman', 'nerdctl', 'buildah'] as const;

/** One of {@link ENGINES}. */
export type EngineName = (typeof ENGINES)[number];

/** Whether the layers of an image are read, to find out what is in it. */
export type ReadLayers =
  /** Those that lie on this machine are. */
  | 'auto'
  /** Those of a registry are downloaded. */
  | 'always'
  /** The library is then loaded by LD_PRELOAD in the image's Env, which needs to know nothing. */
  | 'never';

/** How to inject; everything is optional. */
export interface InjectOptions {
  /** Engine whose image it is; default: the one that has it. */
  engine?: EngineName;
  /** Name of the new image: `NAME[:TAG]` in an engine, `TAG` in an OCI layout. Default: the source's, with `-mpu`. */
  tag?: string;
  /** Archive that the new image goes to; default: `NAME-mpu.tar` beside the source. Only for archives. */
  output?: string;
  /** `docker://HOST/NAME[:TAG]`: where the new image of a registry goes. Default: the repository of the source. */
  pushTo?: string;
  /** Whether registries are spoken to without TLS. Default false. */
  plainHttp?: boolean;
  /** Default `auto`. Images in engines are always looked at. */
  readLayers?: ReadLayers;
  /** Replace an image of that name even if it was not made by mpu. Default false. */
  force?: boolean;
  /** Where the built libraries are, `DIR/ARCHITECTURE/libmpu.so`. Default: those of this package. */
  libraryDirectory?: string;
  /** Time stamp of the new layer, in seconds since 1970. Default 0, so that equal layers are equal bytes. */
  timestamp?: number;
  /** Stops before the next step and undoes what was done; `reason` may be the name of a signal. */
  signal?: AbortSignal;
  /** Told what is being done. */
  onProgress?: (line: string) => void;
  /** Told what the user should know beside the result. */
  onNotice?: (line: string) => void;
}

/** What became of an image. */
export type InjectOutcome =
  /** A new image was made. */
  | 'created'
  /** A new image was made; an older one of the same name lost its name. */
  | 'replaced'
  /** The new image was there already, made from the same source and library. */
  | 'unchanged'
  /** The source has the library already; nothing was made. */
  | 'already-injected';

/** The result of an injection. */
export interface InjectResult {
  outcome: InjectOutcome;
  /** The injected image, as its engine or an OCI tool takes it. */
  image: string;
  /** What it was made from. */
  source: string;
  store: EngineName | StoreKind;
  /** Image id in an engine and a docker archive; otherwise the digest of the manifest or index. */
  digest: string;
  /** Bytes of the layer that was added; 0 when none was. */
  sizeAdded: number;
  /** Platforms that have the library, e.g. `linux/amd64`. */
  platforms: string[];
  /** Platforms of a multi-platform image that were left as they are, for want of a library, and what is no container image. */
  skippedPlatforms: string[];
  /** What loads the library: `/etc/ld.so.preload`, `LD_PRELOAD` or, in an image of several platforms, both. */
  loadedBy: string[];
}

/** Labels of an injected image. */
export const Label = {
  /** Version of mpu that injected it. */
  version: 'dev.mpu.version',
  /** Digest or id of the image it was made from. */
  base: 'dev.mpu.base',
  /** Digest of the uncompressed layer that was added. */
  layer: 'dev.mpu.layer',
  /** Digest of what was to be added, without time stamps and before it was fitted to the image. */
  content: 'dev.mpu.content',
  /** Number of layers with that one: an image built on this one has more. */
  layers: 'dev.mpu.layers',
} as const;

/** The labels for an image made from `base`, with `layer` as its layer number `layers`. */
export function injectionLabels(version: string, base: string, layer: string, layers: number): Record<string, string> {
  return { [Label.version]: version, [Label.base]: base, [Label.layer]: layer, [Label.layers]: String(layers) };
}
