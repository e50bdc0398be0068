// SPDX-License-Identifier: GPL-2.0-only
/** What an image has of mpu. */
import type { InspectOptions, InspectResult } from './inspect-types.js';
import { inspectImage } from './oci/inspect-image.js';
import { openStore } from './oci/open-store.js';
import { storedReference } from './reference.js';
import { checkOptions } from './target-errors.js';

/**
 * Tells whether an image has mpu, and what {@link inject} would do; changes nothing. `image` is
 * `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]` or `docker-archive:FILE[:NAME:TAG]`. Rejects with an {@link MpuError}.
 */
export async function inspect(image: string, options: InspectOptions = {}): Promise<InspectResult> {
  const reference = storedReference(image, 'inspect');
  checkOptions(reference, options);
  return inspectImage(await openStore(reference, options), options);
}
