// SPDX-License-Identifier: GPL-2.0-only
/** An image in a registry, edited there: what mpu adds is sent, layers that are there stay. */
import { buffer } from 'node:stream/consumers';
import { MpuError, throwIfInterrupted } from '../errors.js';
import { Label, isMadeByMpu } from '../image/labels.js';
import { MAX_JSON_SIZE, isIndex, type Descriptor } from '../oci/descriptor.js';
import { isJsonObject, type JsonObject } from '../system/json.js';
import { sha256, isDigest } from '../image/digest.js';
import { annotationsOf, labelsOf, readImage } from '../oci/image.js';
import type { ExistingImage, ImageStore, ImageTarget, LayerData } from '../oci/image-store.js';
import { type TargetRequest, registryTarget } from '../image/target-names.js';
import { RegistryClient, type ClientOptions, type Repository } from './client.js';
import { hasBlob, readBlob } from './download.js';
import { RegistryError, contentError } from './errors.js';
import { findManifest, hasManifest, isManifestType, readManifest, type Manifest } from './manifests.js';
import { registryName, type RegistryReference } from '../image/registry-reference.js';
import { RegistryTarget, type Added } from './target.js';
import { Transport } from './transport.js';

/** How a registry's image is opened. */
export type RegistryOptions = Omit<ClientOptions, 'transport'>;

/** An image in a registry. What is added stays in memory until an {@link ImageTarget} is committed. */
export class RegistryStore implements ImageStore {
  readonly kind = 'registry';
  readonly isLocal = false;
  readonly hasPlainLayers = false;
  readonly name: string;
  readonly descriptor: Descriptor;
  readonly #added: Added = { blobs: new Map(), manifests: new Map() };
  /** Manifests that were read, by digest. */
  readonly #manifests = new Map<string, Promise<Manifest>>();

  private constructor(
    private readonly reference: RegistryReference,
    private readonly source: Repository,
    { digest, mediaType, data }: Manifest,
    private readonly options: RegistryOptions,
    private readonly transport: Transport,
  ) {
    this.name = registryName(reference, reference.digest ?? reference.tag ?? digest);
    this.descriptor = { mediaType, digest, size: data.length };
    this.#manifests.set(digest, Promise.resolve({ digest, mediaType, data }));
  }

  /** Finds an image; its layers are not read. */
  static async open(reference: RegistryReference, options: RegistryOptions): Promise<RegistryStore> {
    const transport = new Transport({ env: options.env, signal: options.signal });
    const source = {
      client: new RegistryClient(reference.host, { ...options, transport }),
      repository: reference.repository,
    };
    options.onProgress?.(`reading the manifest of ${reference.text}`);
    const manifest = await readManifest(
      source,
      reference.digest ?? reference.tag ?? '',
      `cannot read ${reference.text}`,
    );
    return new RegistryStore(reference, source, manifest, options, transport);
  }

  invalid(why: string, cause?: unknown): RegistryError {
    return contentError(`cannot use ${this.name}`, why, { cause });
  }

  async readJson(descriptor: Descriptor): Promise<JsonObject> {
    const isManifest = isManifestType(descriptor.mediaType);
    const data = isManifest ? (await this.#manifest(descriptor)).data : await this.#configuration(descriptor);
    let value: unknown;
    try {
      value = JSON.parse(data.toString());
    } catch (error) {
      throw this.invalid(`${descriptor.digest} is no JSON`, error);
    }
    if (!isJsonObject(value)) throw this.invalid(`${descriptor.digest} is no JSON object`);
    return value;
  }

  async has({ digest, mediaType }: Descriptor): Promise<boolean> {
    if (this.#manifests.has(digest) || this.#added.manifests.has(digest) || this.#added.blobs.has(digest)) return true;
    const what = `cannot read ${this.name}`;
    return isManifestType(mediaType) ? hasManifest(this.source, digest, what) : hasBlob(this.source, digest, what);
  }

  async findManifest(digest: string): Promise<Descriptor | undefined> {
    try {
      const { mediaType, data } = await this.#manifest({ digest });
      return { mediaType, digest, size: data.length };
    } catch {
      return undefined;
    }
  }

  openLayer({ digest, size }: Descriptor): Promise<LayerData> {
    const content = readBlob(this.source, { digest, size }, `cannot read a layer of ${this.name}`);
    return Promise.resolve({ size, digest, content });
  }

  addBlob(data: Buffer, mediaType: string): Promise<Descriptor> {
    const digest = sha256(data);
    this.#added.blobs.set(digest, data);
    return Promise.resolve({ mediaType, digest, size: data.length });
  }

  addManifest(data: Buffer, mediaType: string): Promise<Descriptor> {
    const digest = sha256(data);
    this.#added.manifests.set(digest, { data, mediaType, digest });
    return Promise.resolve({ mediaType, digest, size: data.length });
  }

  target(request: TargetRequest): ImageTarget {
    const { repository, tag } = registryTarget(this.reference, request);
    const { client } = this.source;
    const isSameHost = repository.host === client.host;
    const to = {
      client: isSameHost ? client : new RegistryClient(repository.host, { ...this.options, transport: this.transport }),
      repository: repository.repository,
    };
    return new RegistryTarget({
      name: registryName(repository, tag),
      tag,
      isSource: isSameHost && repository.repository === this.source.repository && tag === this.reference.tag,
      from: this.source,
      to,
      added: this.#added,
      read: (descriptor) => this.#manifest(descriptor),
      existing: () => this.#existing(repository, to, tag),
    });
  }

  discard(): Promise<void> {
    this.#added.blobs.clear();
    this.#added.manifests.clear();
    return Promise.resolve();
  }

  /** What has the tag of the new image now. Asked with the right to write, so that a missing one is told early. */
  async #existing(repository: RegistryReference, to: Repository, tag: string): Promise<ExistingImage | undefined> {
    let digest: string | undefined;
    try {
      const found = await findManifest(to, tag, `cannot write ${registryName(repository, tag)}`);
      if (found === undefined) return undefined;
      digest = found.digest;
      const store = new RegistryStore({ ...repository, tag }, to, found, this.options, this.transport);
      return { digest, isMadeByMpu: await store.#isMadeByMpu() };
    } catch (error) {
      // Registries keep other things than images, too.
      const isOther =
        (error instanceof RegistryError && error.isContent) || (error instanceof MpuError && error.code === 'no-image');
      if (!isOther) throw error;
      return { digest, isMadeByMpu: false };
    }
  }

  /** Whether mpu made this image, and not somebody else from one that mpu made. */
  async #isMadeByMpu(): Promise<boolean> {
    if (isIndex(this.descriptor))
      return annotationsOf(await this.readJson(this.descriptor))[Label.version] !== undefined;
    const image = await readImage(this, this.descriptor);
    return isMadeByMpu(labelsOf(image), image.layers.length);
  }

  #manifest({ digest, size }: Pick<Descriptor, 'digest'> & { size?: number }): Promise<Manifest> {
    throwIfInterrupted(this.options.signal);
    const added = this.#added.manifests.get(digest);
    if (added !== undefined) return Promise.resolve(added);
    const known = this.#manifests.get(digest);
    if (known !== undefined) return known;
    if (!isDigest(digest)) throw this.invalid(`${JSON.stringify(digest)} is no digest that is known`);
    const reading = readManifest(this.source, digest, `cannot read ${this.name}`).then((manifest) => {
      if (size === undefined || manifest.data.length === size) return manifest;
      throw this.invalid(`the manifest ${digest} has ${manifest.data.length} bytes instead of ${size}`);
    });
    this.#manifests.set(digest, reading);
    return reading;
  }

  async #configuration({ digest, size }: Descriptor): Promise<Buffer> {
    const added = this.#added.blobs.get(digest);
    if (added !== undefined) return added;
    if (size > MAX_JSON_SIZE) throw this.invalid(`the configuration ${digest} is too large: ${size} bytes`);
    return buffer(readBlob(this.source, { digest, size }, `cannot read ${this.name}`));
  }
}
