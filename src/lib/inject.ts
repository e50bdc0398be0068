// SPDX-License-Identifier: GPL-2.0-only
/** Injecting libmpu.so into an image. */
import { injectEngineImage } from './engine/inject-engine-image.js';
import type { InjectOptions, InjectResult } from './image/types.js';
import { injectImage } from './oci/inject-image.js';
import { openStore } from './stores/open-store.js';
import { parseImageReference } from './image/reference.js';
import { checkOptions } from './image/target-errors.js';

/**
 * Makes a new image out of `image`, with one layer more: libmpu.so, and its line in /etc/ld.so.preload.
 * `image` is `NAME[:TAG]` or an id in docker or podman, `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`,
 * `docker-archive:FILE[:NAME:TAG]` or `docker://HOST/NAME[:TAG]`. An image that has the library already is left alone. The source never
 * changes. Rejects with an {@link MpuError}; nothing is left behind then.
 */
export async function inject(image: string, options: InjectOptions = {}): Promise<InjectResult> {
  const reference = parseImageReference(image);
  checkOptions(reference, options);
  if (reference.kind === 'engine') return injectEngineImage(reference, options);
  return injectImage(await openStore(reference, options), options);
}
