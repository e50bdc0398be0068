// SPDX-License-Identifier: GPL-2.0-only
/** Injecting an image of an OCI layout directory, by editing it directly. */
import { stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { MpuError, throwIfInterrupted } from '../errors.js';
import { injectionLabels, type InjectOptions, type InjectResult } from '../inject-types.js';
import { planInjection } from '../injection-plan.js';
import { gzipStored, packLayer, type LayerEntry } from '../layer.js';
import { architectureOf, loadLibraries } from '../payload.js';
import { layoutTarget, type LayoutReference } from '../reference.js';
import { sameTagError, targetExistsError } from '../target-errors.js';
import { version } from '../version.js';
import { isDescriptor, isJsonObject, layoutError, redirect, sha256, type Descriptor, type JsonObject } from './blob-store.js';
import { LayeredFiles } from './layered-files.js';
import { Layout } from './layout.js';

const INDEX_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const DOCKER_LAYER = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
const CONFIG_TYPES = ['application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json'];
/** BuildKit's mark of provenance and SBOM manifests, which describe another manifest by its digest. */
const ATTESTATION = 'vnd.docker.reference.type';

/** One image (of one platform) and what became of it. */
interface Injected {
  descriptor: Descriptor;
  platform: string;
  sizeAdded: number;
}

/** A platform that there is no library for; in an index of many it is left alone. */
class UnsupportedPlatform extends MpuError {
  constructor(
    readonly platform: string,
    image: string,
  ) {
    super({
      code: 'platform-unsupported',
      what: `cannot inject into ${image}`,
      why: `it is for ${platform}; the library exists for linux/amd64 and linux/arm64`,
      next: 'use the image for linux/amd64 or linux/arm64',
    });
  }
}

/** An image as its manifest and configuration describe it, checked as far as they are edited. */
interface Image {
  manifest: JsonObject;
  config: JsonObject;
  configDescriptor: Descriptor;
  layers: Descriptor[];
  rootfs: JsonObject;
  diffIds: unknown[];
  os: string;
  architecture: string;
  platform: string;
}

async function readImage(layout: Layout, descriptor: Descriptor): Promise<Image> {
  const { directory, blobs } = layout;
  const manifest = await blobs.readJson(descriptor);
  const configDescriptor = manifest.config;
  const layers: unknown = manifest.layers;
  if (!isDescriptor(configDescriptor) || !Array.isArray(layers) || !layers.every(isDescriptor)) {
    throw layoutError(directory, `the manifest ${descriptor.digest} has no config or no layers`);
  }
  if (!CONFIG_TYPES.includes(configDescriptor.mediaType)) {
    throw layoutError(directory, `${descriptor.digest} is no container image but ${configDescriptor.mediaType}`);
  }
  const config = await blobs.readJson(configDescriptor);
  const { rootfs, os, architecture, variant } = config;
  const diffIds: unknown = isJsonObject(rootfs) ? rootfs.diff_ids : undefined;
  if (!isJsonObject(rootfs) || !Array.isArray(diffIds) || diffIds.length !== layers.length) {
    throw layoutError(directory, `the configuration ${configDescriptor.digest} does not list the manifest's layers`);
  }
  if (typeof os !== 'string' || typeof architecture !== 'string') {
    throw layoutError(directory, `the configuration ${configDescriptor.digest} names no platform`);
  }
  const platform = [os, architecture, ...(typeof variant === 'string' && variant !== '' ? [variant] : [])].join('/');
  return { manifest, config, configDescriptor, layers, rootfs, diffIds, os, architecture, platform };
}

/** The paths of an image's layers, each of the size its descriptor gives. */
async function layerPaths(layout: Layout, layers: readonly Descriptor[]): Promise<string[]> {
  return Promise.all(
    layers.map(async ({ digest, size, mediaType }) => {
      const path = layout.blobs.path(digest);
      const found = await stat(path).catch((error: unknown) => {
        throw layoutError(layout.directory, `the layer ${digest} (${mediaType}) is missing`, error);
      });
      if (found.size !== size) {
        throw layoutError(layout.directory, `the layer ${digest} has ${found.size} bytes instead of ${size}`);
      }
      return path;
    }),
  );
}

/** The entries where they belong in an image in which `/etc` or `/usr/lib` is a link. */
async function placeEntries(entries: readonly LayerEntry[], files: LayeredFiles): Promise<LayerEntry[]> {
  const etc = await files.realPath('/etc');
  const lib = await files.realPath('/usr/lib');
  return entries.map((entry) => {
    const path = entry.path.startsWith('etc/')
      ? posix.join(etc, entry.path.slice('etc'.length))
      : posix.join(lib, entry.path.slice('usr/lib'.length));
    return { ...entry, path: path.slice(1) };
  });
}

/** Adds the layer to one image; returns undefined when it has the library already. */
async function injectImage(
  layout: Layout,
  descriptor: Descriptor,
  name: string,
  options: InjectOptions,
): Promise<Injected | { present: true; platform: string }> {
  throwIfInterrupted(options.signal);
  const image = await readImage(layout, descriptor);
  const { platform, os, layers } = image;
  const architecture = architectureOf(image.architecture);
  if (os !== 'linux' || architecture === undefined) throw new UnsupportedPlatform(platform, name);
  const libraries = await loadLibraries(architecture, options.libraryDirectory);
  options.onProgress?.(`reading ${layers.length} layers of ${name} (${platform})`);
  const files = new LayeredFiles(await layerPaths(layout, layers), options.signal);
  const entries = await planInjection(files, architecture, libraries, name);
  if (entries.length === 0) return { present: true, platform };
  throwIfInterrupted(options.signal);
  const archive = await packLayer(await placeEntries(entries, files), options.timestamp ?? 0);
  const isDocker = (image.manifest.mediaType ?? descriptor.mediaType) === DOCKER_MANIFEST;
  const layer = await layout.blobs.add(gzipStored(archive), isDocker ? DOCKER_LAYER : OCI_LAYER);
  const config = editConfig(image, sha256(archive), descriptor.digest, options.timestamp ?? 0);
  const configBlob = await layout.blobs.add(Buffer.from(JSON.stringify(config)), image.configDescriptor.mediaType);
  const manifest = { ...image.manifest, config: configBlob, layers: [...layers, layer] };
  const manifestBlob = await layout.blobs.add(
    Buffer.from(JSON.stringify(manifest)),
    isDocker ? DOCKER_MANIFEST : OCI_MANIFEST,
  );
  return { descriptor: redirect(descriptor, manifestBlob), platform, sizeAdded: layer.size };
}

/** The configuration with the layer, its history and mpu's labels. */
function editConfig(image: Image, diffId: string, base: string, timestamp: number): JsonObject {
  const history: unknown = image.config.history;
  const execution = isJsonObject(image.config.config) ? image.config.config : {};
  const labels = isJsonObject(execution.Labels) ? execution.Labels : {};
  const entry = { created: new Date(timestamp * 1000).toISOString(), created_by: `mpu inject (${version})` };
  return {
    ...image.config,
    config: {
      ...execution,
      Labels: { ...labels, ...injectionLabels(version, base, diffId, image.layers.length + 1) },
    },
    rootfs: { ...image.rootfs, diff_ids: [...image.diffIds, diffId] },
    ...(Array.isArray(history) ? { history: [...(history as unknown[]), entry] } : {}),
  };
}

/** All that was done for one tag. */
interface InjectedTag {
  /** What the new tag names; undefined when every platform has the library already. */
  descriptor: Descriptor | undefined;
  platforms: string[];
  skipped: string[];
  sizeAdded: number;
}

function platformName(descriptor: Descriptor): string {
  const { os = 'unknown', architecture = 'unknown', variant } = descriptor.platform ?? {};
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');
}

async function injectIndex(
  layout: Layout,
  descriptor: Descriptor,
  name: string,
  options: InjectOptions,
): Promise<InjectedTag> {
  const index = await layout.blobs.readJson(descriptor);
  const members: unknown = index.manifests;
  if (!Array.isArray(members) || !members.every(isDescriptor)) {
    throw layoutError(layout.directory, `the index ${descriptor.digest} has no list of manifests`);
  }
  const result: InjectedTag = { descriptor: undefined, platforms: [], skipped: [], sizeAdded: 0 };
  const kept: Descriptor[] = [];
  let changed = false;
  for (const member of members) {
    if (member.annotations?.[ATTESTATION] !== undefined) continue;
    if (INDEX_TYPES.includes(member.mediaType)) {
      throw layoutError(layout.directory, `the index ${descriptor.digest} holds another index, which mpu cannot edit`);
    }
    if (!(await layout.blobs.has(member.digest))) {
      kept.push(member);
      result.skipped.push(`${platformName(member)} (not in this layout)`);
      continue;
    }
    try {
      const injected = await injectImage(layout, member, name, options);
      result.platforms.push(injected.platform);
      if ('present' in injected) {
        kept.push(member);
        continue;
      }
      changed = true;
      kept.push(injected.descriptor);
      result.sizeAdded += injected.sizeAdded;
    } catch (error) {
      if (!(error instanceof UnsupportedPlatform)) throw error;
      kept.push(member);
      result.skipped.push(error.platform);
    }
  }
  if (result.platforms.length === 0) throw new UnsupportedPlatform(result.skipped.join(', ') || 'no platform', name);
  if (!changed) return result;
  // Attestations name the manifests they are about by digest: none is about the new ones.
  const blob = await layout.blobs.add(
    Buffer.from(JSON.stringify({ ...index, manifests: kept })),
    descriptor.mediaType,
  );
  return { ...result, descriptor: redirect(descriptor, blob) };
}

async function injectTag(
  layout: Layout,
  descriptor: Descriptor,
  name: string,
  options: InjectOptions,
): Promise<InjectedTag> {
  if (INDEX_TYPES.includes(descriptor.mediaType)) return injectIndex(layout, descriptor, name, options);
  const injected = await injectImage(layout, descriptor, name, options);
  const platforms = [injected.platform];
  if ('present' in injected) return { descriptor: undefined, platforms, skipped: [], sizeAdded: 0 };
  return { descriptor: injected.descriptor, platforms, skipped: [], sizeAdded: injected.sizeAdded };
}

/** Injects an image of an OCI layout. Whatever goes wrong, the layout is then as it was. */
export async function injectLayout(reference: LayoutReference, options: InjectOptions): Promise<InjectResult> {
  const layout = await Layout.open(reference.directory);
  const source = layout.select(reference.tag);
  const sourceTag = Layout.tagOf(source);
  const nameOf = (tag: string | undefined): string =>
    tag === undefined ? `oci:${reference.directory}` : `oci:${reference.directory}:${tag}`;
  const sourceName = nameOf(sourceTag);
  const wanted = layoutTarget(reference, sourceTag ?? 'latest', options.tag);
  if (wanted === sourceTag) throw sameTagError(sourceName);
  try {
    const injected = await injectTag(layout, source, sourceName, options);
    const result = {
      source: sourceName,
      store: 'oci' as const,
      sizeAdded: injected.sizeAdded,
      platforms: injected.platforms,
      skippedPlatforms: injected.skipped,
    };
    if (injected.descriptor === undefined && options.tag === undefined) {
      return { ...result, outcome: 'already-injected', image: sourceName, digest: source.digest };
    }
    const descriptor = injected.descriptor ?? source;
    const existing = layout.find(wanted);
    const image = nameOf(wanted);
    if (existing?.digest === descriptor.digest) {
      return { ...result, outcome: 'unchanged', image, digest: existing.digest, sizeAdded: 0 };
    }
    if (existing !== undefined && !Layout.isMadeByMpu(existing) && options.force !== true) {
      throw targetExistsError(image, reference.text);
    }
    throwIfInterrupted(options.signal);
    await layout.tag(descriptor, wanted, version);
    return { ...result, outcome: existing === undefined ? 'created' : 'replaced', image, digest: descriptor.digest };
  } finally {
    await layout.blobs.takeBack();
  }
}
