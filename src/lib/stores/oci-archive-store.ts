// SPDX-License-Identifier: GPL-2.0-only
/** An image in a tar archive of an OCI layout. The new image goes to an archive of its own. */
import type { MpuError } from '../errors.js';
import type { ArchiveReference } from '../image/reference.js';
import { archiveTarget, layoutTarget, type TargetRequest } from '../image/target-names.js';
import { ArchiveFile, isSameFile, isThere } from './archive-file.js';
import { writeArchive, type NewMember } from './archive-writer.js';
import { layoutError } from './blob-store.js';
import { isDescriptor, isIndex, isManifest, type Descriptor } from '../oci/descriptor.js';
import { parseJsonObject, type JsonObject } from '../system/json.js';
import { matchesDigest, sha256 } from '../image/digest.js';
import type { ExistingImage, ImageStore, ImageTarget, LayerData, StoreOptions } from '../oci/image-store.js';
import { isAttestation } from '../oci/image.js';
import { LayoutIndex, checkMarker, entryOf, isEntryOfMpu, tagOf } from './layout-index.js';

function blobName(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

/** The index of an archived layout. */
async function readLayoutIndex(archive: ArchiveFile, file: string): Promise<LayoutIndex> {
  const invalid = (why: string, cause?: unknown): MpuError => layoutError(file, why, cause, 'oci-archive');
  const [marker, index] = [await archive.read('oci-layout'), await archive.read('index.json')];
  if (marker === undefined || index === undefined) throw invalid('it has no oci-layout or no index.json');
  checkMarker(marker, invalid);
  return new LayoutIndex(index, file, 'oci-archive');
}

/** What an archive, if it is one, holds: the image of its only entry, if its tag is this one. */
async function existingImage(file: string, tag: string | undefined): Promise<ExistingImage | undefined> {
  if (!(await isThere(file))) return undefined;
  try {
    const { entries } = await readLayoutIndex(await ArchiveFile.open(file), file);
    const [entry] = entries;
    if (entry === undefined || entries.length > 1) return { digest: undefined, isMadeByMpu: false };
    return { digest: tagOf(entry) === tag ? entry.digest : undefined, isMadeByMpu: isEntryOfMpu(entry) };
  } catch {
    // Whatever it is, mpu did not make it.
    return { digest: undefined, isMadeByMpu: false };
  }
}

/** The image that a reference names in an archive of an OCI layout. */
export class OciArchiveStore implements ImageStore {
  readonly kind = 'oci-archive';
  readonly isLocal = true;
  readonly hasPlainLayers = false;
  readonly #added = new Map<string, Buffer>();

  private constructor(
    private readonly reference: ArchiveReference,
    private readonly archive: ArchiveFile,
    readonly descriptor: Descriptor,
    private readonly options: StoreOptions,
  ) {}

  /** Opens an archive and finds the image in it. */
  static async open(reference: ArchiveReference, options: StoreOptions): Promise<OciArchiveStore> {
    const archive = await ArchiveFile.open(reference.file);
    const index = await readLayoutIndex(archive, reference.file);
    return new OciArchiveStore(reference, archive, index.select(reference.tag), options);
  }

  get name(): string {
    return nameOf(this.reference.file, tagOf(this.descriptor));
  }

  invalid(why: string, cause?: unknown): MpuError {
    return layoutError(this.reference.file, why, cause, 'oci-archive');
  }

  async readJson({ digest }: Descriptor): Promise<JsonObject> {
    const data = this.#added.get(digest) ?? (await this.archive.read(blobName(digest)));
    if (data === undefined) throw this.invalid(`the blob ${digest} is missing, or too large for a manifest`);
    if (!matchesDigest(data, digest)) throw this.invalid(`the blob ${digest} is damaged`);
    return parseJsonObject(data, `the blob ${digest}`, (why, cause) => this.invalid(why, cause));
  }

  has({ digest }: Descriptor): Promise<boolean> {
    return Promise.resolve(this.#added.has(digest) || this.archive.find(blobName(digest)) !== undefined);
  }

  findManifest(digest: string, mediaType: string): Promise<Descriptor | undefined> {
    const content = this.archive.find(blobName(digest));
    return Promise.resolve(content && { mediaType, digest, size: content.size });
  }

  openLayer({ digest, size, mediaType }: Descriptor): Promise<LayerData> {
    const content = this.archive.find(blobName(digest));
    if (content === undefined) return Promise.reject(this.invalid(`the layer ${digest} (${mediaType}) is missing`));
    if (content.size === size) return Promise.resolve({ size, digest, content: content });
    return Promise.reject(this.invalid(`the layer ${digest} has ${content.size} bytes instead of ${size}`));
  }

  addBlob(data: Buffer, mediaType: string): Promise<Descriptor> {
    const digest = sha256(data);
    this.#added.set(digest, data);
    return Promise.resolve({ mediaType, digest, size: data.length });
  }

  addManifest(data: Buffer, mediaType: string): Promise<Descriptor> {
    return this.addBlob(data, mediaType);
  }

  target(request: TargetRequest): ImageTarget {
    const file = archiveTarget(this.reference.file, request);
    const tag = layoutTarget(this.reference, tagOf(this.descriptor) ?? 'latest', request);
    return {
      name: nameOf(file, tag),
      isSource: request.force !== true && isSameFile(file, this.reference.file),
      existing: () => existingImage(file, tag),
      commit: (image, isInjected) => this.#write(file, entryOf(image, tag, isInjected), isInjected),
    };
  }

  discard(): Promise<void> {
    this.#added.clear();
    return Promise.resolve();
  }

  async #write(file: string, entry: Descriptor, isInjected: boolean): Promise<void> {
    const members = new Map<string, NewMember>();
    const add = (name: string, member: NewMember): unknown => members.set(name, member);
    const index = { schemaVersion: 2, manifests: [entry] };
    add('oci-layout', { name: 'oci-layout', data: Buffer.from('{"imageLayoutVersion":"1.0.0"}') });
    add('index.json', { name: 'index.json', data: Buffer.from(JSON.stringify(index)) });
    // The source's manifests are a few KB; with them `mpu eject` has the original, byte for byte.
    const kept = isInjected ? await this.#referred(this.descriptor, false) : [];
    for (const digest of [...(await this.#referred(entry, true)), ...kept]) {
      const name = blobName(digest);
      const data = this.#added.get(digest);
      const content = this.archive.find(name);
      if (data !== undefined) add(name, { name, data });
      else if (content !== undefined) add(name, { name, content, digest });
    }
    await writeArchive(file, [...members.values()], this.options);
    this.#added.clear();
  }

  /** The digests of an image and all it refers to, as far as it is there. */
  async #referred(image: Descriptor, withLayers: boolean): Promise<string[]> {
    if (!(await this.has(image))) return [];
    // In an index there may be other things than images.
    if (!isIndex(image) && !isManifest(image)) return [image.digest];
    const { manifests, config, layers } = await this.readJson(image);
    const digests = [image.digest];
    if (isIndex(image)) {
      for (const member of descriptorsOf(manifests)) {
        // What attestations say of an image is small, and belongs to its manifest.
        digests.push(...(await this.#referred(member, withLayers || isAttestation(member))));
      }
      return digests;
    }
    const parts = [...descriptorsOf([config]), ...(withLayers ? descriptorsOf(layers) : [])];
    return [...digests, ...parts.map(({ digest }) => digest)];
  }
}

function descriptorsOf(value: unknown): Descriptor[] {
  return Array.isArray(value) ? value.filter(isDescriptor) : [];
}

function nameOf(file: string, tag: string | undefined): string {
  return `oci-archive:${file}${tag === undefined ? '' : `:${tag}`}`;
}
