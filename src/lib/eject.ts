// SPDX-License-Identifier: GPL-2.0-only
/** Taking libmpu.so out of an image. */
import type { EjectResult, EjectOptions } from './image/types.js';
import { ejectEngineImage } from './engine/eject-engine-image.js';
import { ejectImage } from './oci/eject-image.js';
import { openStore } from './stores/open-store.js';
import { parseImageReference } from './image/reference.js';
import { checkOptions } from './image/target-errors.js';

/**
 * Gives an image without mpu: the image that was injected, where mpu's layer is the topmost; otherwise one
 * with a layer more, which removes libmpu.so and puts the former /etc/ld.so.preload back. `image` is
 * `NAME[:TAG]` or an id in an engine, `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:NAME:TAG]` or
 * `docker://HOST/NAME[:TAG]`. The source never changes.
 * Rejects with an {@link MpuError}; nothing is left behind then.
 */
export async function eject(image: string, options: EjectOptions = {}): Promise<EjectResult> {
  const reference = parseImageReference(image);
  checkOptions(reference, options);
  if (reference.kind === 'engine') return ejectEngineImage(reference, options);
  return ejectImage(await openStore(reference, options), options);
}
