// SPDX-License-Identifier: GPL-2.0-only
/** What goes into an injection, an ejection and an inspection, and what comes out of them. */

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

/** A kind of {@link ImageStore}, as results name it. */
export type StoreKind = 'oci' | 'oci-archive' | 'docker-archive' | 'registry';

/** How to eject; everything is optional, and means what it does for an injection. */
export type EjectOptions = Omit<InjectOptions, 'libraryDirectory'>;

/** What became of an image. */
export type EjectOutcome =
  /** A new name was given to the image without mpu. */
  | 'created'
  /** The same; an older image of that name lost it. */
  | 'replaced'
  /** The name stands for the image without mpu already. */
  | 'unchanged'
  /** The source has nothing of mpu; nothing was made. */
  | 'not-injected';

/** The result of an ejection. */
export interface EjectResult extends Pick<
  InjectResult,
  'image' | 'source' | 'digest' | 'sizeAdded' | 'platforms' | 'skippedPlatforms'
> {
  outcome: EjectOutcome;
  store: EngineName | StoreKind;
  /** Whether the image is, by its digest, the one that was injected. */
  isOriginal: boolean;
}

/** How to inspect; everything is optional, and means what it does for an injection. */
export type InspectOptions = Pick<
  InjectOptions,
  'engine' | 'libraryDirectory' | 'plainHttp' | 'readLayers' | 'signal' | 'onProgress'
>;

/** Whether mpu is in an image. */
export type InjectionState =
  /** `mpu inject` would change nothing. */
  | 'injected'
  /** It is, but not as this version of mpu would do it. */
  | 'outdated'
  | 'not-injected'
  /** The image's layers were not read, and nothing else tells. */
  | 'unknown';

/** The image of one platform. */
export interface InspectedPlatform {
  /** `OS/ARCHITECTURE[/VARIANT]`; of something that is no container image its media type. */
  platform: string;
  digest: string;
  state: InjectionState;
  /** Version of mpu that injected it, if `mpu inject` did. */
  version?: string;
  /** Digest or id of the image it was made from, if `mpu inject` did. */
  base?: string;
  /** Whether mpu's layer is the topmost: `mpu eject` then gives back exactly the image it was made from. */
  isOnTop?: boolean;
  /** The C library of its programs, where layers were read. */
  libc?: 'glibc' | 'musl';
  /** Libraries that /etc/ld.so.preload names, where layers were read. */
  preloadFile?: string[];
  /** Libraries that LD_PRELOAD in its Env names. */
  preloadVariable: string[];
  /** What `mpu inject` would do: nothing, load the library by one of the two, or refuse, with the reason. */
  onInject: { action: 'nothing' | 'inject' | 'refuse'; loadedBy?: string; why?: string };
}

/** What is known of an image. */
export interface InspectResult {
  image: string;
  store: EngineName | StoreKind;
  digest: string;
  /** Whether mpu is in every platform that it can be in. */
  state: InjectionState;
  platforms: InspectedPlatform[];
}
