// SPDX-License-Identifier: GPL-2.0-only
/** Opening the place that an image lies in. */
import type { StoredReference } from '../reference.js';
import type { ImageStore } from './image-store.js';
import { LayoutStore } from './layout-store.js';

/** Opens the image that a reference names outside of container engines. */
export async function openStore(reference: StoredReference): Promise<ImageStore> {
  return LayoutStore.open(reference);
}
