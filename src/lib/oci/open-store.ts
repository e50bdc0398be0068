// SPDX-License-Identifier: GPL-2.0-only
/** Opening the place that an image lies in. */
import type { InjectOptions } from '../inject-types.js';
import type { StoredReference } from '../reference.js';
import { parseRegistryReference } from '../registry/reference.js';
import { RegistryStore } from '../registry/store.js';
import type { ImageStore } from './image-store.js';
import { LayoutStore } from './layout-store.js';

/** How places are opened. */
export type OpenOptions = Pick<InjectOptions, 'pushTo' | 'plainHttp' | 'signal' | 'onProgress'>;

/** Opens the image that a reference names outside of container engines. */
export async function openStore(reference: StoredReference, options: OpenOptions = {}): Promise<ImageStore> {
  const { pushTo, plainHttp = false, signal, onProgress } = options;
  if (reference.kind === 'registry') {
    const target = pushTo === undefined ? undefined : parseRegistryReference(pushTo);
    return RegistryStore.open(reference, { pushTo: target, plainHttp, env: process.env, signal, onProgress });
  }
  return LayoutStore.open(reference);
}
