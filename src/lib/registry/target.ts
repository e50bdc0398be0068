// SPDX-License-Identifier: GPL-2.0-only
/** Where a new image goes in a registry. */
import { throwIfInterrupted } from '../errors.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { ExistingImage, ImageTarget } from '../oci/image-store.js';
import type { Repository } from './client.js';
import { hasBlob } from './download.js';
import { hasManifest, putManifest, type Manifest } from './manifests.js';
import { blobsOf, copyBlob, membersOf } from './transfer.js';
import { pushBlob } from './upload.js';

/** What is not in the registry yet, by digest. */
export interface Added {
  blobs: Map<string, Buffer>;
  manifests: Map<string, Manifest>;
}

/** What a {@link RegistryTarget} is made of. */
export interface TargetParts {
  name: string;
  tag: string;
  isSource: boolean;
  /** Where everything is that was not added. */
  from: Repository;
  to: Repository;
  added: Added;
  /** A manifest of the source, or an added one. */
  read: (descriptor: Descriptor) => Promise<Manifest>;
  existing: () => Promise<ExistingImage | undefined>;
}

/** A tag of a repository. */
export class RegistryTarget implements ImageTarget {
  readonly name: string;
  readonly isSource: boolean;
  readonly #parts: TargetParts;

  constructor(parts: TargetParts) {
    this.name = parts.name;
    this.isSource = parts.isSource;
    this.#parts = parts;
  }

  existing(): Promise<ExistingImage | undefined> {
    return this.#parts.existing();
  }

  /** What the image refers to goes first; moving the tag is the last request. */
  async commit(image: Descriptor): Promise<void> {
    const { to, tag, read } = this.#parts;
    const manifest = await read(image);
    await this.#supply(manifest);
    throwIfInterrupted(to.client.signal);
    to.client.onProgress?.(`${this.name}: moving the tag`);
    await putManifest(to, tag, manifest, this.#what);
  }

  get #what(): string {
    return `cannot write ${this.name}`;
  }

  /** Whether the target has everything that the source has. */
  get #isSamePlace(): boolean {
    const { from, to } = this.#parts;
    return from.client === to.client && from.repository === to.repository;
  }

  /** Sends what a manifest or index refers to, as far as it is not there. */
  async #supply(manifest: Manifest): Promise<void> {
    for (const member of membersOf(manifest)) await this.#supplyMember(member);
    const { from, to, added } = this.#parts;
    const blobs = blobsOf(manifest);
    for (const [index, blob] of blobs.entries()) {
      throwIfInterrupted(to.client.signal);
      const label = `${this.name}: blob ${index + 1} of ${blobs.length}`;
      const data = added.blobs.get(blob.digest);
      if (data === undefined && !this.#isSamePlace) await copyBlob(from, to, blob, label, this.#what);
      if (data === undefined || (await hasBlob(to, blob.digest, this.#what))) continue;
      to.client.onProgress?.(label);
      await pushBlob(to, { digest: blob.digest, size: data.length, open: () => data }, this.#what);
    }
  }

  async #supplyMember(member: Descriptor): Promise<void> {
    const { from, to, added, read } = this.#parts;
    if (!added.manifests.has(member.digest)) {
      // An index may name platforms that its repository lacks.
      if (this.#isSamePlace || !(await hasManifest(from, member.digest, this.#what))) return;
      if (await hasManifest(to, member.digest, this.#what)) return;
    }
    const manifest = await read(member);
    await this.#supply(manifest);
    await putManifest(to, member.digest, manifest, this.#what);
  }
}
