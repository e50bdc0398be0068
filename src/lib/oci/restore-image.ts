// SPDX-License-Identifier: GPL-2.0-only
/** Taking back an injection whose layer is the topmost: the image that was injected, byte for byte where that can be. */
import { isDeepStrictEqual } from 'node:util';
import { Label, LABEL_NAMES, isMadeByMpu } from '../image/labels.js';
import { removePreloadVariable } from '../payload/preload-file.js';
import { omit, redirect, type Descriptor } from './descriptor.js';
import { isJsonObject, type JsonObject } from '../system/json.js';
import { sha256 } from '../image/digest.js';
import { annotationsOf, environmentOf, executionOf, labelsOf, readImage, type Image, isAttestation } from './image.js';
import type { ImageStore } from './image-store.js';
import { readIndex } from './platforms.js';

/** An image without its injection. */
export interface Restored {
  descriptor: Descriptor;
  /** Whether its digest is that of the image that was injected. */
  isOriginal: boolean;
}

/** Whether the topmost layer of an image is the one that an injection added. */
export function isInjectedOnTop(image: Image): boolean {
  const labels = labelsOf(image);
  return isMadeByMpu(labels, image.layers.length) && labels[Label.layer] === image.diffIds.at(-1);
}

/** The history without the line of the topmost layer. */
function withoutTopLayer(history: readonly unknown[]): unknown[] {
  const top = history.map((entry) => isJsonObject(entry) && entry.empty_layer === true).lastIndexOf(false);
  return history.filter((_, index) => index !== top);
}

/** Objects like `object` but for `name`: with `value`, or the ways in which programs write that there is none. */
function variants(object: JsonObject, name: string, value: JsonObject | readonly unknown[]): JsonObject[] {
  if (Object.keys(value).length > 0) return [{ ...object, [name]: value }];
  return [omit(object, name), { ...object, [name]: null }, { ...object, [name]: value }];
}

/** The configurations that an injection may have made `image` from: they differ in what says nothing. */
function formerConfigs(image: Image): JsonObject[] {
  const { config } = image;
  const labels = omit(labelsOf(image), ...LABEL_NAMES);
  const environment = removePreloadVariable(environmentOf(image));
  const rootfs = { ...(isJsonObject(config.rootfs) ? config.rootfs : {}), diff_ids: image.diffIds.slice(0, -1) };
  const history = Array.isArray(config.history) ? { history: withoutTopLayer(config.history as unknown[]) } : {};
  const executions = variants(executionOf(image), 'Labels', labels).flatMap((execution) =>
    Object.hasOwn(execution, 'Env') ? variants(execution, 'Env', environment) : [execution],
  );
  return executions.flatMap((execution) => variants({ ...config, rootfs, ...history }, 'config', execution));
}

/** JSON as the programs write it that make images: Go escapes HTML; some indent, some end with a line break. */
function spellings(value: unknown): Buffer[] {
  const plain = [undefined, 2, 3, 4, '\t'].map((indent) => JSON.stringify(value, undefined, indent));
  const escape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  const all = plain.flatMap((text) => [text, text.replace(/[<>&\u2028\u2029]/g, escape)]);
  return [...new Set(all.flatMap((text) => [text, `${text}\n`]))].map((text) => Buffer.from(text));
}

/** A manifest or index without mpu's annotations. */
function withoutMarks(manifest: JsonObject): JsonObject {
  const annotations = omit(annotationsOf(manifest), ...LABEL_NAMES);
  return Object.keys(annotations).length === 0 ? omit<unknown>(manifest, 'annotations') : { ...manifest, annotations };
}

/** The manifest for another configuration, and without the topmost layer. */
function formerManifest(image: Image, config: Descriptor): JsonObject {
  const layers = image.layers.slice(0, -1);
  return withoutMarks({ ...image.manifest, config: redirect(image.configDescriptor, config), layers });
}

/** A configuration without what says nothing and what injections write, for comparison. */
function essence(config: JsonObject): JsonObject {
  const execution = isJsonObject(config.config) ? config.config : {};
  const labels = omit(isJsonObject(execution.Labels) ? execution.Labels : {}, ...LABEL_NAMES);
  const all: JsonObject = { ...execution, Labels: labels };
  const says = (value: unknown): boolean =>
    value !== null && (typeof value !== 'object' || Object.keys(value).length > 0);
  return { ...config, config: Object.fromEntries(Object.entries(all).filter(([, value]) => says(value))) };
}

/** The image that was injected, if the store has it and nothing but the injection lies between the two. */
async function findOriginal(store: ImageStore, image: Image, former: JsonObject): Promise<Descriptor | undefined> {
  const found = await store.findManifest(labelsOf(image)[Label.base] ?? '', image.descriptor.mediaType);
  if (found === undefined) return undefined;
  // Of an image without a name, its configuration may have been collected; then it is made again.
  const original = await readImage(store, found).catch(() => undefined);
  if (original === undefined) return undefined;
  const digests = (layers: readonly Descriptor[]): string[] => layers.map(({ digest }) => digest);
  const isSame =
    isDeepStrictEqual(essence(original.config), essence(former)) &&
    isDeepStrictEqual(digests(original.layers), digests(image.layers.slice(0, -1)));
  return isSame ? redirect(image.descriptor, found) : undefined;
}

/** What a search for the bytes of the image that was injected looks at. */
interface Candidate {
  config: Buffer;
  manifest: Buffer;
}

/** The configuration and manifest whose bytes have the digest that the injection noted: of either, as some stores have no manifests. */
function findSpelling(image: Image, configs: readonly JsonObject[]): Candidate | undefined {
  const base = labelsOf(image)[Label.base];
  for (const config of configs.flatMap(spellings)) {
    const digest = sha256(config);
    const descriptor = { mediaType: image.configDescriptor.mediaType, digest, size: config.length };
    const manifests = spellings(formerManifest(image, descriptor));
    const manifest = digest === base ? manifests[0] : manifests.find((bytes) => sha256(bytes) === base);
    if (manifest !== undefined) return { config, manifest };
  }
  return undefined;
}

/** Takes the topmost layer, which an injection added, from an image, and adds what is left to the store. */
export async function restoreImage(store: ImageStore, image: Image): Promise<Restored> {
  const configs = formerConfigs(image);
  const [former = image.config] = configs;
  const original = await findOriginal(store, image, former);
  if (original !== undefined) return { descriptor: original, isOriginal: true };
  const found = findSpelling(image, configs);
  const config = await store.addBlob(
    found?.config ?? Buffer.from(JSON.stringify(former)),
    image.configDescriptor.mediaType,
  );
  const manifest = found?.manifest ?? Buffer.from(JSON.stringify(formerManifest(image, config)));
  const descriptor = await store.addManifest(manifest, image.descriptor.mediaType);
  return { descriptor: redirect(image.descriptor, descriptor), isOriginal: found !== undefined };
}

/** The same for an index of images that were restored: the one that was injected, where the store has it or its bytes can be told. */
export async function restoreIndex(
  store: ImageStore,
  descriptor: Descriptor,
  index: JsonObject,
  members: readonly Descriptor[],
): Promise<Restored> {
  const base = annotationsOf(index)[Label.base];
  const found = base === undefined ? undefined : await store.findManifest(base, descriptor.mediaType);
  if (found !== undefined) {
    const original = await readIndex(store, found);
    const digests = (all: readonly Descriptor[]): string[] =>
      all.filter((member) => !isAttestation(member)).map(({ digest }) => digest);
    if (isDeepStrictEqual(digests(original.members), digests(members))) return { descriptor: found, isOriginal: true };
  }
  const former = withoutMarks({ ...index, manifests: members });
  const bytes = spellings(former).find((spelling) => sha256(spelling) === base);
  const added = await store.addManifest(bytes ?? Buffer.from(JSON.stringify(former)), descriptor.mediaType);
  return { descriptor: added, isOriginal: bytes !== undefined };
}
