// SPDX-License-Identifier: GPL-2.0-only
/** One image of one platform: its manifest and configuration, read, edited and added. */
import { gzipStored } from './pack-layer.js';
import { MediaType, isDescriptor, isIndex, isManifest, redirect, type Descriptor } from './descriptor.js';
import { isJsonObject, type JsonObject } from '../system/json.js';
import { sha256 } from '../image/digest.js';
import type { ImageStore } from './image-store.js';

const CONFIG_TYPES: readonly string[] = [MediaType.ociConfig, MediaType.dockerConfig];

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

/** Reads the manifest and the configuration of an image. */
export async function readImage(store: ImageStore, descriptor: Descriptor): Promise<Image> {
  const manifest = await store.readJson(descriptor);
  const configDescriptor = manifest.config;
  const layers: unknown = manifest.layers;
  if (!isDescriptor(configDescriptor) || !Array.isArray(layers) || !layers.every(isDescriptor)) {
    throw store.invalid(`the manifest ${descriptor.digest} has no config or no layers`);
  }
  if (!CONFIG_TYPES.includes(configDescriptor.mediaType)) {
    throw store.invalid(`${descriptor.digest} is no container image but ${configDescriptor.mediaType}`);
  }
  const config = await store.readJson(configDescriptor);
  const { rootfs, os, architecture, variant } = config;
  const diffIds: unknown = isJsonObject(rootfs) ? rootfs.diff_ids : undefined;
  if (!Array.isArray(diffIds) || diffIds.length !== layers.length || !diffIds.every((id) => typeof id === 'string')) {
    throw store.invalid(`the configuration ${configDescriptor.digest} does not list the manifest's layers`);
  }
  if (typeof os !== 'string' || typeof architecture !== 'string') {
    throw store.invalid(`the configuration ${configDescriptor.digest} names no platform`);
  }
  const platform = [os, architecture, ...(typeof variant === 'string' && variant !== '' ? [variant] : [])].join('/');
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
  if (!isDescriptor(config) || CONFIG_TYPES.includes(config.mediaType)) return undefined;
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
