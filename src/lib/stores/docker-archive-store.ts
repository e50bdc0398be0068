// SPDX-License-Identifier: GPL-2.0-only
/**
 * An image in an archive as `docker save` makes it: manifest.json names configurations and layers. There are
 * no manifests; the one that is edited is made up, and an image is identified by its configuration's digest,
 * which is its id in docker. The new image goes to an archive of its own.
 */
import { ExitCode, MpuError } from '../errors.js';
import { isDigest, sha256 } from '../image/digest.js';
import { canonicalName, type ArchiveReference } from '../image/reference.js';
import { archiveTarget, newName, type TargetRequest } from '../image/target-names.js';
import { ArchiveFile, isSameFile, isThere, readMember, type MemberData } from './archive-file.js';
import { writeArchive, type NewMember } from './archive-writer.js';
import { MediaType, isDescriptor, type Descriptor } from '../oci/descriptor.js';
import { parseJsonObject, isJsonObject, type JsonObject } from '../system/json.js';
import { MAGIC_SIZE, compressionOf } from '../oci/decompress.js';
import type { ExistingImage, ImageStore, ImageTarget, LayerData, StoreOptions } from '../oci/image-store.js';
import { isMadeByMpu } from '../image/labels.js';

/** An image as manifest.json has it. */
interface ArchivedImage {
  Config: string;
  RepoTags: string[];
  Layers: string[];
}

const strings = (value: unknown): string[] | undefined =>
  Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;

function archiveError(file: string, why: string, cause?: unknown): MpuError {
  return new MpuError({
    code: 'archive-invalid',
    what: `${file} is no usable docker archive`,
    why,
    next: `make it again: docker save --output ${file} NAME:TAG`,
    cause,
  });
}

/** The digests of the layers in a configuration; undefined where it has none, or has something other than text in their place. */
function diffIdsOf({ rootfs }: JsonObject): string[] | undefined {
  const diffIds = isJsonObject(rootfs) ? strings(rootfs.diff_ids) : undefined;
  return diffIds?.every(isDigest) === true ? diffIds : undefined;
}

/** The images of an archive. */
async function readImages(archive: ArchiveFile, file: string): Promise<ArchivedImage[]> {
  const bytes = await archive.read('manifest.json');
  if (bytes === undefined) throw archiveError(file, 'it has no manifest.json');
  const invalid = (why: string, cause?: unknown): MpuError => archiveError(file, why, cause);
  // manifest.json is a list; in an object it is what the parser takes.
  const { list } = parseJsonObject(
    Buffer.concat([Buffer.from('{"list":'), bytes, Buffer.from('}')]),
    'manifest.json',
    invalid,
  );
  const images = Array.isArray(list) ? (list as unknown[]) : [];
  return images.map((image) => {
    const { Config, RepoTags, Layers } = isJsonObject(image) ? image : {};
    const layers = strings(Layers);
    if (typeof Config !== 'string' || layers === undefined) throw invalid('manifest.json lists no images');
    return { Config, RepoTags: strings(RepoTags) ?? [], Layers: layers };
  });
}

function select(images: readonly ArchivedImage[], { file, tag }: ArchiveReference): ArchivedImage {
  const names = images.flatMap(({ RepoTags }) => RepoTags);
  const isNamed = ({ RepoTags }: ArchivedImage): boolean =>
    tag === undefined || RepoTags.some((name) => canonicalName(name) === canonicalName(tag));
  const found = images.filter(isNamed);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  throw new MpuError({
    code: found.length === 0 ? 'tag-not-found' : 'tag-needed',
    what: `cannot find the image in ${file}`,
    why: `it holds ${images.length} images; their names are: ${names.join(', ') || 'none'}`,
    next: `name one: docker-archive:${file}:${names[0] ?? 'NAME:TAG'}`,
    exitCode: found.length === 0 ? ExitCode.failed : ExitCode.usage,
  });
}

/** What an archive, if it is one, holds: its only image, if that has just this name. */
async function existingImage(file: string, name: string | undefined): Promise<ExistingImage | undefined> {
  if (!(await isThere(file))) return undefined;
  try {
    const archive = await ArchiveFile.open(file);
    const [image, ...others] = await readImages(archive, file);
    const bytes = image === undefined || others.length > 0 ? undefined : await archive.read(image.Config);
    if (image === undefined || bytes === undefined) return { digest: undefined, isMadeByMpu: false };
    const parsed = parseJsonObject(bytes, image.Config, (why) => archiveError(file, why));
    const { config } = parsed;
    const labels = isJsonObject(config) && isJsonObject(config.Labels) ? config.Labels : {};
    const layers = diffIdsOf(parsed)?.length ?? 0;
    const isSameName = image.RepoTags.join() === (name ?? '');
    return { digest: isSameName ? sha256(bytes) : undefined, isMadeByMpu: isMadeByMpu(labels, layers) };
  } catch {
    // Whatever it is, mpu did not make it.
    return { digest: undefined, isMadeByMpu: false };
  }
}

/** The image that a reference names in a docker archive. */
export class DockerArchiveStore implements ImageStore {
  readonly kind = 'docker-archive';
  readonly isLocal = true;
  readonly hasPlainLayers = true;
  readonly #manifests = new Map<string, JsonObject>();
  readonly #added = new Map<string, Buffer>();
  /** Member of the archive by digest: configurations, and layers by the digest of what they hold. */
  readonly #members = new Map<string, string>();

  private constructor(
    private readonly reference: ArchiveReference,
    private readonly archive: ArchiveFile,
    private readonly source: string | undefined,
    readonly descriptor: Descriptor,
    private readonly options: StoreOptions,
  ) {}

  /** Opens an archive and finds the image in it. */
  static async open(reference: ArchiveReference, options: StoreOptions): Promise<DockerArchiveStore> {
    const { file } = reference;
    const archive = await ArchiveFile.open(file);
    const image = select(await readImages(archive, file), reference);
    const bytes = await archive.read(image.Config);
    if (bytes === undefined) throw archiveError(file, `${image.Config} is missing`);
    const digest = sha256(bytes);
    const descriptor = { mediaType: MediaType.dockerManifest, digest, size: bytes.length };
    const called = image.RepoTags.find((name) => canonicalName(name) === canonicalName(reference.tag ?? ''));
    const store = new DockerArchiveStore(reference, archive, called ?? image.RepoTags[0], descriptor, options);
    store.#members.set(digest, image.Config);
    const config = parseJsonObject(bytes, image.Config, (why, cause) => archiveError(file, why, cause));
    const diffIds = diffIdsOf(config);
    if (diffIds?.length !== image.Layers.length)
      throw archiveError(file, `${image.Config} does not list the image's layers`);
    for (const [index, diffId] of diffIds.entries()) store.#members.set(diffId, image.Layers[index] ?? '');
    return store;
  }

  get name(): string {
    return nameOf(this.reference.file, this.source);
  }

  invalid(why: string, cause?: unknown): MpuError {
    return archiveError(this.reference.file, why, cause);
  }

  async readJson({ digest, mediaType }: Descriptor): Promise<JsonObject> {
    if (mediaType === MediaType.dockerManifest) return this.#manifests.get(digest) ?? this.#makeManifest(digest);
    return parseJsonObject(await this.#readConfig(digest), `the configuration ${digest}`, (why, cause) =>
      this.invalid(why, cause),
    );
  }

  has({ digest }: Descriptor): Promise<boolean> {
    return Promise.resolve(this.#added.has(digest) || this.#configName(digest) !== undefined);
  }

  findManifest(digest: string, mediaType: string): Promise<Descriptor | undefined> {
    const content = this.archive.find(this.#configName(digest) ?? '');
    return Promise.resolve(content && { mediaType, digest, size: content.size });
  }

  async openLayer({ digest, size }: Descriptor): Promise<LayerData> {
    const content = this.#layerData(digest);
    const compression = compressionOf(await readMember(content, Math.min(MAGIC_SIZE, content.size)));
    return { size, digest: compression === 'none' ? digest : undefined, content: content };
  }

  addBlob(data: Buffer, mediaType: string): Promise<Descriptor> {
    const digest = sha256(data);
    this.#added.set(digest, data);
    return Promise.resolve({ mediaType, digest, size: data.length });
  }

  addManifest(data: Buffer, mediaType: string): Promise<Descriptor> {
    const manifest = parseJsonObject(data, 'the manifest', (why) => this.invalid(why));
    if (!isDescriptor(manifest.config)) throw this.invalid('the manifest has no configuration');
    const { digest } = manifest.config;
    this.#manifests.set(digest, manifest);
    return Promise.resolve({ mediaType, digest, size: data.length });
  }

  target(request: TargetRequest): ImageTarget {
    const file = archiveTarget(this.reference.file, request);
    const name = newName(this.reference.text, this.source, request);
    return {
      name: nameOf(file, name),
      isSource: request.force !== true && isSameFile(file, this.reference.file),
      existing: () => existingImage(file, name),
      commit: (image, isInjected) => this.#write(file, name, image, isInjected),
    };
  }

  discard(): Promise<void> {
    this.#added.clear();
    return Promise.resolve();
  }

  /** The member that holds a configuration: the image's own, or one that is there under its digest. */
  #configName(digest: string): string | undefined {
    const name = this.#members.get(digest) ?? `${hex(digest)}.json`;
    return this.archive.find(name) === undefined ? undefined : name;
  }

  #layerData(digest: string): MemberData {
    const content = this.archive.find(this.#members.get(digest) ?? '');
    if (content === undefined) throw this.invalid(`the layer ${digest} is missing`);
    return content;
  }

  async #readConfig(digest: string): Promise<Buffer> {
    const name = this.#configName(digest);
    const bytes = this.#added.get(digest) ?? (name === undefined ? undefined : await this.archive.read(name));
    if (bytes === undefined) throw this.invalid(`the configuration ${digest} is missing`);
    if (sha256(bytes) !== digest) throw this.invalid(`the configuration ${digest} is damaged`);
    return bytes;
  }

  /** The manifest for a configuration, all of whose layers are in the archive. */
  async #makeManifest(digest: string): Promise<JsonObject> {
    const bytes = await this.#readConfig(digest);
    const diffIds = diffIdsOf(parseJsonObject(bytes, digest, (why) => this.invalid(why)));
    if (diffIds === undefined) throw this.invalid(`the configuration ${digest} lists no layers`);
    const layers = diffIds.map((diffId) => {
      return { mediaType: MediaType.dockerLayer, digest: diffId, size: this.#layerData(diffId).size };
    });
    const config = { mediaType: MediaType.dockerConfig, digest, size: bytes.length };
    return { schemaVersion: 2, mediaType: MediaType.dockerManifest, config, layers };
  }

  async #write(file: string, name: string | undefined, image: Descriptor, isInjected: boolean): Promise<void> {
    const { layers } = await this.readJson(image);
    const members = new Map<string, NewMember>();
    const layerNames = (Array.isArray(layers) ? layers.filter(isDescriptor) : []).map(({ digest }) => {
      const layerName = `${hex(digest)}.tar`;
      const data = this.#added.get(digest);
      return { digest, layerName, data };
    });
    const config = `${hex(image.digest)}.json`;
    const list = [
      {
        Config: config,
        RepoTags: name === undefined ? null : [name],
        Layers: layerNames.map(({ layerName }) => layerName),
      },
    ];
    members.set('manifest.json', { name: 'manifest.json', data: Buffer.from(JSON.stringify(list)) });
    // The source's configuration is a few KB; with it `mpu eject` has the original, byte for byte.
    for (const digest of [image.digest, ...(isInjected ? [this.descriptor.digest] : [])]) {
      const member = `${hex(digest)}.json`;
      members.set(member, { name: member, data: await this.#readConfig(digest) });
    }
    for (const { digest, layerName, data } of layerNames) {
      if (data !== undefined) {
        members.set(layerName, { name: layerName, data });
        continue;
      }
      const content = this.#layerData(digest);
      const { digest: expected } = await this.openLayer({
        mediaType: MediaType.dockerLayer,
        digest,
        size: content.size,
      });
      members.set(layerName, { name: layerName, content, digest: expected });
    }
    await writeArchive(file, [...members.values()], this.options);
    this.#added.clear();
  }
}

const hex = (digest: string): string => digest.slice(digest.indexOf(':') + 1);

function nameOf(file: string, name: string | undefined): string {
  return `docker-archive:${file}${name === undefined ? '' : `:${name}`}`;
}
