// SPDX-License-Identifier: GPL-2.0-only
/** What an image has of mpu. */
import type { InspectResult, InspectOptions } from './image/types.js';
import { inspectEngineImage } from './engine/inspect-engine-image.js';
import { inspectImage } from './oci/inspect-image.js';
import { openStore } from './stores/open-store.js';
import { parseImageReference } from './image/reference.js';
import { checkOptions } from './image/target-errors.js';

/**
 * Tells whether an image has mpu, and what {@link inject} would do; changes nothing. `image` is
 * `NAME[:TAG]` or an id in an engine, `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:NAME:TAG]` or
 * `docker://HOST/NAME[:TAG]`. Rejects with an {@link MpuError}.
 */
export async function inspect(image: string, options: InspectOptions = {}): Promise<InspectResult> {
  const reference = parseImageReference(image);
  checkOptions(reference, options);
  if (reference.kind === 'engine') return inspectEngineImage(reference, options);
  return inspectImage(await openStore(reference, options), options);
}
