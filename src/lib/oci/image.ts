// SPDX-License-Identifier: GPL-2.0-only
/** One image of one platform: its manifest and configuration, read, edited and added. */
import { MpuError } from '../errors.js';
import { gzipStored } from './pack-layer.js';
import { MediaType, isDescriptor, isIndex, isManifest, redirect, type Descriptor } from './descriptor.js';
import { isJsonObject, type JsonObject } from '../system/json.js';
import { sha256 } from '../image/digest.js';
import type { ImageStore } from './image-store.js';

const CONFIG_TYPES: readonly string[] = [MediaType.ociConfig, MediaType.dockerConfig];
/** Types that old builders and registries gave configurations; docker takes them for its own. */
const VAGUE_CONFIG_TYPES: readonly string[] = ['application/octet-stream', 'application/json', 'text/html', ''];

/** Returns true for the configuration of a container image, by its type or, where that says nothing, by its content. */
async function isImageConfig(store: ImageStore, config: Descriptor): Promise<boolean> {
  const type = config.mediaType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (CONFIG_TYPES.includes(type)) return true;
  if (!VAGUE_CONFIG_TYPES.includes(type)) return false;
  const { rootfs } = await store.readJson(config);
  return isJsonObject(rootfs) && Array.isArray(rootfs.diff_ids);
}

/** The names that the kernel has for architectures which images name differently (image-spec, after Go's GOARCH). */
const ARCHITECTURES: Record<string, string> = { x86_64: 'amd64', 'x86-64': 'amd64', aarch64: 'arm64' };

/** The error of something in a registry or layout that is no container image: nothing of it is damaged. */
function noImageError(store: ImageStore, type: string): MpuError {
  return new MpuError({
    code: 'no-image',
    what: `cannot use ${store.name} as a container image`,
    why: `it is an artifact of another kind: ${type}`,
    next: 'name a container image',
  });
}

/** An image as its manifest and configuration describe it, checked as far as they are edited. */
export interface Image {
  descriptor: Descriptor;
  manifest: JsonObject;
  config: JsonObject;
  configDescriptor: Descriptor;
  layers: Descriptor[];
  /** Digests of the uncompressed layers. */
  diffIds: string[];
  os: string;
  architecture: string;
  /** `OS/ARCHITECTURE[/VARIANT]`. */
  platform: string;
  isDocker: boolean;
}

const textOr = <T>(value: unknown, other: T): string | T => (typeof value === 'string' && value !== '' ? value : other);

/** The platform in a configuration, else in the index; without any, docker and podman run the image as linux/amd64. */
function platformOf(
  config: JsonObject,
  { platform }: Descriptor,
): { os: string; architecture: string; variant: string | undefined } {
  const named = textOr(config.architecture, textOr(platform?.architecture, 'amd64'));
  return {
    os: textOr(config.os, textOr(platform?.os, 'linux')),
    architecture: ARCHITECTURES[named] ?? named,
    variant: textOr(config.variant, undefined),
  };
}

/** Reads the manifest and the configuration of an image. */
export async function readImage(store: ImageStore, descriptor: Descriptor): Promise<Image> {
  const manifest = await store.readJson(descriptor);
  const configDescriptor = manifest.config;
  const layers: unknown = manifest.layers;
  if (!isDescriptor(configDescriptor) || !Array.isArray(layers) || !layers.every(isDescriptor)) {
    throw store.invalid(`the manifest ${descriptor.digest} has no config or no layers`);
  }
  if (!(await isImageConfig(store, configDescriptor))) throw noImageError(store, configDescriptor.mediaType);
  const config = await store.readJson(configDescriptor);
  const { rootfs } = config;
  const diffIds: unknown = isJsonObject(rootfs) ? rootfs.diff_ids : undefined;
  if (!Array.isArray(diffIds) || diffIds.length !== layers.length || !diffIds.every((id) => typeof id === 'string')) {
    throw store.invalid(`the configuration ${configDescriptor.digest} does not list the manifest's layers`);
  }
  const { os, architecture, variant } = platformOf(config, descriptor);
  const platform = [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');
  const isDocker = (manifest.mediaType ?? descriptor.mediaType) === MediaType.dockerManifest;
  return { descriptor, manifest, config, configDescriptor, layers, diffIds, os, architecture, platform, isDocker };
}

/**
 * What a member of an index is if it is neither an image nor an index of images: charts, signatures and others are kept
 * beside them. Undefined where it is one.
 */
export async function foreignType(store: ImageStore, member: Descriptor): Promise<string | undefined> {
  if (isIndex(member)) return undefined;
  if (!isManifest(member)) return member.mediaType;
  const { config, artifactType } = await store.readJson(member);
  if (!isDescriptor(config) || (await isImageConfig(store, config))) return undefined;
  return typeof artifactType === 'string' && artifactType !== '' ? artifactType : config.mediaType;
}

/** The `config` object of an image's configuration: what its containers are started with. */
export function executionOf({ config }: Image): JsonObject {
  return isJsonObject(config.config) ? config.config : {};
}

/** The values of an object that are strings. */
function stringsOf(value: unknown): Record<string, string> {
  const entries = isJsonObject(value) ? Object.entries(value) : [];
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

/** The labels of an image. */
export function labelsOf(image: Image): Record<string, string> {
  return stringsOf(executionOf(image).Labels);
}

/** The annotations of a manifest or index. */
export function annotationsOf(manifest: JsonObject): Record<string, string> {
  return stringsOf(manifest.annotations);
}

/** The environment of an image, `NAME=value` each. */
export function environmentOf(image: Image): string[] {
  const { Env } = executionOf(image);
  return Array.isArray(Env) ? Env.filter((entry) => typeof entry === 'string') : [];
}

/** What is changed beside the layer that is added. */
export interface ImageEdit {
  /** The layer, a tar archive. */
  archive: Buffer;
  /** Line for the history, if there is one. */
  history: { created: string; created_by: string; comment: string };
  /** Labels, all of them. */
  labels: Record<string, string>;
  environment: readonly string[];
  /** Annotations of the manifest, all of them; docker's format has none. */
  annotations: Record<string, string>;
}

/** The object with `value` under `name`; a value that says nothing is not added to an object that lacks it. */
function withProperty(object: JsonObject, name: string, value: JsonObject | readonly string[]): JsonObject {
  if (Object.keys(value).length === 0 && !Object.hasOwn(object, name)) return object;
  return { ...object, [name]: value };
}

/** Adds an image with one layer more; gives its descriptor and the bytes of the layer as they are stored. */
export async function addEditedImage(
  store: ImageStore,
  image: Image,
  edit: ImageEdit,
): Promise<{ descriptor: Descriptor; layerSize: number }> {
  const { manifest, config, isDocker } = image;
  const layer = store.hasPlainLayers
    ? await store.addBlob(edit.archive, isDocker ? MediaType.dockerLayer : MediaType.ociLayer)
    : await store.addBlob(gzipStored(edit.archive), isDocker ? MediaType.dockerLayerGzip : MediaType.ociLayerGzip);
  const execution = withProperty(withProperty(executionOf(image), 'Env', edit.environment), 'Labels', edit.labels);
  const rootfs = isJsonObject(config.rootfs) ? config.rootfs : {};
  const history: unknown = config.history;
  const newConfig = {
    ...config,
    config: execution,
    rootfs: { ...rootfs, diff_ids: [...image.diffIds, sha256(edit.archive)] },
    ...(Array.isArray(history) ? { history: [...(history as unknown[]), edit.history] } : {}),
  };
  const configBlob = await store.addBlob(Buffer.from(JSON.stringify(newConfig)), image.configDescriptor.mediaType);
  const newManifest = {
    ...(isDocker ? manifest : withProperty(manifest, 'annotations', edit.annotations)),
    config: redirect(image.configDescriptor, configBlob),
    layers: [...image.layers, layer],
  };
  const type = isDocker ? MediaType.dockerManifest : MediaType.ociManifest;
  const manifestBlob = await store.addManifest(Buffer.from(JSON.stringify(newManifest)), type);
  return { descriptor: redirect(image.descriptor, manifestBlob), layerSize: layer.size };
}

/** BuildKit's mark of provenance and SBOM manifests, which describe another manifest by its digest. */
const ATTESTATION = 'vnd.docker.reference.type';

/** Whether a member of an index describes another one, as BuildKit's provenance does. */
export function isAttestation({ annotations }: Descriptor): boolean {
  return annotations?.[ATTESTATION] !== undefined;
}
