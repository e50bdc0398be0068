// SPDX-License-Identifier: GPL-2.0-only
/** Opening the place that an image lies in. */
import type { StoredReference } from '../image/reference.js';
import { RegistryStore } from '../registry/store.js';
import { DockerArchiveStore } from './docker-archive-store.js';
import type { ImageStore, StoreOptions } from '../oci/image-store.js';
import { LayoutStore } from './layout-store.js';
import { OciArchiveStore } from './oci-archive-store.js';

/** Opens the image that a reference names outside of container engines. */
export async function openStore(reference: StoredReference, options: StoreOptions): Promise<ImageStore> {
  switch (reference.kind) {
    case 'oci':
      return LayoutStore.open(reference, options);
    case 'oci-archive':
      return OciArchiveStore.open(reference, options);
    case 'docker-archive':
      return DockerArchiveStore.open(reference, options);
    case 'registry':
      return RegistryStore.open(reference, { ...options, plainHttp: options.plainHttp ?? false, env: process.env });
  }
}
