// SPDX-License-Identifier: GPL-2.0-only
/** What is asked about an image and what is answered. */
import type { EngineName, InjectOptions } from './image/types.js';
import type { StoreKind } from './oci/image-store.js';

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
