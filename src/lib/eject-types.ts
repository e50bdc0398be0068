// SPDX-License-Identifier: GPL-2.0-only
/** What goes into an ejection and what comes out of it. */
import type { EngineName, InjectOptions, InjectResult } from './image/types.js';
import type { StoreKind } from './oci/image-store.js';

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
