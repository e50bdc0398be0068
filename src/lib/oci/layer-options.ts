// SPDX-License-Identifier: GPL-2.0-only
/** Whether and how the layers of an image are read. */
import type { InjectOptions } from '../image/types.js';
import type { ImageStore } from './image-store.js';
import type { LayerOptions } from './layered-files.js';

/** Whether the layers of a store's image may be read. */
export function mayRead(store: ImageStore, { readLayers = 'auto' }: Pick<InjectOptions, 'readLayers'>): boolean {
  return readLayers === 'always' || (readLayers === 'auto' && store.isLocal);
}

/** Reading layers, with a line of progress for every hundredth of them. */
export function layerOptions(
  store: ImageStore,
  platform: string,
  { signal, onProgress }: Pick<InjectOptions, 'signal' | 'onProgress'>,
): LayerOptions {
  let next = 0;
  const onBytes = (read: number, total: number): void => {
    if (read < next) return;
    next = read + total / 100;
    const [done, all] = [read, total].map((bytes) => (bytes / 1e6).toFixed(0));
    onProgress?.(`reading the layers of ${store.name} (${platform}): ${done} of ${all} MB`);
  };
  return signal === undefined ? { onBytes } : { signal, onBytes };
}
