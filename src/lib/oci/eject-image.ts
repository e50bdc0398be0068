// SPDX-License-Identifier: GPL-2.0-only
/** Taking mpu out of the image of a store, by editing it. */
import { posix } from 'node:path';
import { MpuError, throwIfInterrupted } from '../errors.js';
import type { EjectResult, EjectOptions } from '../image/types.js';
import { Label, LABEL_NAMES } from '../image/labels.js';
import { packLayer } from './pack-layer.js';
import type { LayerEntry } from '../payload/layer-entry.js';
import { LIBRARY_FILES, architectureOf } from '../payload/libraries.js';
import {
  LIBRARY_ROOT,
  PRELOAD_ENTRY,
  PRELOAD_FILE,
  addPreloadEntry,
  hasPreloadVariable,
  preloadEntries,
  removePreloadEntry,
  removePreloadVariable,
} from '../payload/preload-file.js';
import { version } from '../package/version.js';
import { omit, type Descriptor } from './descriptor.js';
import { addEditedImage, annotationsOf, environmentOf, labelsOf, readImage, type Image } from './image.js';
import type { ImageStore } from './image-store.js';
import { layerOptions, mayRead } from './layer-options.js';
import { LayeredFiles } from './layered-files.js';
import { UnsupportedPlatform, editPlatforms, type EditedPlatform } from './platforms.js';
import { fitEntries } from './fit-entries.js';
import { publish, targetOf } from './publish.js';
import { isInjectedOnTop, restoreImage, restoreIndex } from './restore-image.js';

/** The layer entry that removes a path, and all below it, from the layers below (image-spec, layer.md). */
function whiteout(path: string): LayerEntry {
  return {
    type: 'file',
    path: posix.join(posix.dirname(path), `.wh.${posix.basename(path)}`).slice(1),
    data: Buffer.alloc(0),
  };
}

/** The same entry, or what removes it where there is none. */
const orWhiteout = (entry: LayerEntry | undefined): LayerEntry =>
  entry === undefined ? whiteout(PRELOAD_FILE) : { ...entry, path: PRELOAD_FILE.slice(1) };

/** What puts the preload file back as it was before the injection, a link as a link; else what is left of it without mpu. */
async function formerPreload(
  store: ImageStore,
  image: Image,
  files: LayeredFiles,
  now: Buffer,
  options: EjectOptions,
): Promise<LayerEntry> {
  const layer = image.diffIds.indexOf(labelsOf(image)[Label.layer] ?? '');
  if (layer !== -1) {
    const below = new LayeredFiles(store, image.layers.slice(0, layer), layerOptions(store, image.platform, options));
    const isAsInjected = addPreloadEntry(await below.readFile(PRELOAD_FILE)).equals(now);
    if (isAsInjected) return orWhiteout(await below.entry(PRELOAD_FILE));
  }
  const data = removePreloadEntry(now);
  const entry = await files.entry(PRELOAD_FILE);
  if (data === undefined || entry?.type !== 'file') return orWhiteout(data && { type: 'file', path: '', data });
  return orWhiteout({ ...entry, data });
}

/** Whether the configuration of an image says that mpu is in it. */
function isMarked(image: Image): boolean {
  return labelsOf(image)[Label.version] !== undefined || hasPreloadVariable(environmentOf(image));
}

/** Whether a libmpu.so lies where mpu puts it: others may have something in that directory, too. */
async function hasLibrary(files: LayeredFiles): Promise<boolean> {
  for (const path of LIBRARY_FILES) if (await files.has(path)) return true;
  return false;
}

/** What a layer on top has to hold to undo injections in the layers below; nothing when there are none. */
async function undoingEntries(
  store: ImageStore,
  image: Image,
  files: LayeredFiles,
  options: EjectOptions,
): Promise<LayerEntry[]> {
  const entries: LayerEntry[] = [];
  const preload = await files.readFile(PRELOAD_FILE);
  const isNamed = preload !== undefined && preloadEntries(preload.toString('latin1')).includes(PRELOAD_ENTRY);
  if (isNamed) entries.push(await formerPreload(store, image, files, preload, options));
  const isOurs = isNamed || isMarked(image) || (await hasLibrary(files));
  if (isOurs && (await files.has(LIBRARY_ROOT))) entries.push(whiteout(LIBRARY_ROOT));
  return fitEntries(entries, files);
}

function unreadError({ name }: ImageStore): MpuError {
  return new MpuError({
    code: 'layers-unread',
    what: `cannot eject mpu from ${name}`,
    why: 'there are layers above the one that mpu added, and they were not to be read',
    next: `mpu eject ${name} --read-layers always`,
  });
}

/** Takes the layer of an injection off, or covers it. */
async function ejectPlatform(
  store: ImageStore,
  descriptor: Descriptor,
  options: EjectOptions,
): Promise<EditedPlatform & { isOriginal: boolean }> {
  throwIfInterrupted(options.signal);
  const image = await readImage(store, descriptor);
  const { platform } = image;
  if (image.os !== 'linux' || architectureOf(image.architecture) === undefined) {
    throw new UnsupportedPlatform(platform, store.name, 'eject mpu from');
  }
  const unchanged = { platform, descriptor: undefined, sizeAdded: 0, isOriginal: false };
  if (isInjectedOnTop(image)) {
    const { descriptor: restored, isOriginal } = await restoreImage(store, image);
    // An injected image may have been injected again, with another library.
    const isClean = isOriginal ? !isMarked(await readImage(store, restored)) : !mayRead(store, options);
    const below = isClean ? unchanged : await ejectPlatform(store, restored, options);
    return below.descriptor === undefined ? { platform, descriptor: restored, sizeAdded: 0, isOriginal } : below;
  }
  if (!mayRead(store, options)) {
    if (isMarked(image)) throw unreadError(store);
    return unchanged;
  }
  const files = new LayeredFiles(store, image.layers, layerOptions(store, platform, options));
  const entries = await undoingEntries(store, image, files, options);
  if (entries.length === 0 && !isMarked(image)) return unchanged;
  options.onProgress?.(`adding a layer to ${store.name} (${platform})`);
  const { timestamp = 0 } = options;
  const added = await addEditedImage(store, image, {
    archive: await packLayer(entries, timestamp),
    history: {
      created: new Date(timestamp * 1000).toISOString(),
      created_by: `mpu eject (${version})`,
      comment: 'libmpu.so and what loaded it are removed',
    },
    labels: omit(labelsOf(image), ...LABEL_NAMES),
    environment: removePreloadVariable(environmentOf(image)),
    annotations: omit(annotationsOf(image.manifest), ...LABEL_NAMES),
  });
  return { platform, descriptor: added.descriptor, sizeAdded: added.layerSize, isOriginal: false };
}

/** Takes mpu out of the image of a store. Whatever goes wrong, the store is then as it was. */
export async function ejectImage(store: ImageStore, options: EjectOptions): Promise<EjectResult> {
  const target = targetOf(store, { ...options, verb: 'eject' });
  const isOriginal: boolean[] = [];
  try {
    const edited = await editPlatforms(store, {
      verb: 'eject mpu from',
      editImage: async (descriptor) => {
        const ejected = await ejectPlatform(store, descriptor, options);
        if (ejected.descriptor !== undefined) isOriginal.push(ejected.isOriginal);
        return ejected;
      },
      addIndex: async (descriptor, index, members) => {
        const restored = await restoreIndex(store, descriptor, index, members);
        isOriginal.push(restored.isOriginal);
        return restored.descriptor;
      },
    });
    const result = {
      source: store.name,
      store: store.kind,
      sizeAdded: edited.sizeAdded,
      platforms: edited.platforms,
      skippedPlatforms: edited.skipped,
      isOriginal: isOriginal.length > 0 && isOriginal.every(Boolean),
    };
    const published = await publish(store, target, edited.descriptor, { ...options, verb: 'eject' });
    if (published.outcome === 'left') {
      return { ...result, outcome: 'not-injected', image: store.name, digest: store.descriptor.digest };
    }
    return { ...result, ...published };
  } finally {
    await store.discard();
  }
}
