// SPDX-License-Identifier: GPL-2.0-only
/** Injecting the image of a store, by editing it. */
import { posix } from 'node:path';
import { throwIfInterrupted } from '../errors.js';
import { injectionLabels, type InjectOptions, type InjectResult } from '../inject-types.js';
import { planInjection } from '../injection-plan.js';
import { packLayer, type LayerEntry } from '../layer.js';
import { architectureOf, loadLibraries } from '../payload.js';
import { PRELOAD_FILE, PRELOAD_VARIABLE } from '../preload-file.js';
import { sameTagError, targetExistsError } from '../target-errors.js';
import { version } from '../version.js';
import { sha256, type Descriptor } from './descriptor.js';
import { addEditedImage, annotationsOf, environmentOf, labelsOf, readImage, type Image } from './image.js';
import type { ImageStore } from './image-store.js';
import { LayeredFiles, type LayerOptions } from './layered-files.js';
import { UnsupportedPlatform, editPlatforms, type EditedPlatform } from './platforms.js';

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

/** Whether an image has exactly this layer, from an injection that is not undone. */
function hasLayer(image: Image, diffId: string, environment: readonly string[]): boolean {
  const isSame = environmentOf(image).join('\n') === environment.join('\n');
  return isSame && labelsOf(image)['dev.mpu.layer'] === diffId && image.diffIds.includes(diffId);
}

/** Reading layers with a line of progress now and then. */
export function layerOptions(store: ImageStore, platform: string, options: Pick<InjectOptions, 'signal' | 'onProgress'>): LayerOptions {
  const { signal, onProgress } = options;
  let next = 0;
  const onBytes = (read: number, total: number): void => {
    if (read < next) return;
    next = read + total / 100;
    const [done, all] = [read, total].map((bytes) => (bytes / 1e6).toFixed(0));
    onProgress?.(`reading the layers of ${store.name} (${platform}): ${done} of ${all} MB`);
  };
  return signal === undefined ? { onBytes } : { signal, onBytes };
}

/** Whether the layers of a store's image may be read. */
export function isRead(store: ImageStore, { readLayers = 'auto' }: Pick<InjectOptions, 'readLayers'>): boolean {
  return readLayers === 'always' || (readLayers === 'auto' && store.isLocal);
}

function unreadNotice({ name }: ImageStore): string {
  return `the layers of ${name} were not read, so ${PRELOAD_VARIABLE} in its Env loads the library; for ${PRELOAD_FILE} instead: --read-layers always`;
}

async function injectPlatform(
  store: ImageStore,
  descriptor: Descriptor,
  options: InjectOptions,
  loadedBy: Set<string>,
): Promise<EditedPlatform> {
  throwIfInterrupted(options.signal);
  const image = await readImage(store, descriptor);
  const { platform } = image;
  const architecture = architectureOf(image.architecture);
  if (image.os !== 'linux' || architecture === undefined) throw new UnsupportedPlatform(platform, store.name, 'inject into');
  const libraries = await loadLibraries(architecture, options.libraryDirectory);
  const { timestamp = 0 } = options;
  // What the memo knows is not read: a layer that is missing or cut off is to be found all the same.
  if (store.isLocal) for (const layer of image.layers) await store.openLayer(layer);
  const files = isRead(store, options) ? new LayeredFiles(store, image.layers, layerOptions(store, platform, options)) : undefined;
  const plan = await planInjection({ name: store.name, architecture, files, environment: environmentOf(image) }, libraries);
  loadedBy.add(plan.loadedBy);
  if (plan.entries.length === 0) return { platform, descriptor: undefined, sizeAdded: 0 };
  options.onProgress?.(`adding a layer to ${store.name} (${platform})`);
  const entries = files === undefined ? plan.entries : await placeEntries(plan.entries, files);
  const archive = await packLayer(entries, timestamp);
  const diffId = sha256(archive);
  const isPresent = files === undefined && hasLayer(image, diffId, plan.environment);
  if (isPresent) return { platform, descriptor: undefined, sizeAdded: 0 };
  throwIfInterrupted(options.signal);
  const marks = injectionLabels(version, descriptor.digest, diffId, image.layers.length + 1);
  const added = await addEditedImage(store, image, {
    archive,
    history: {
      created: new Date(timestamp * 1000).toISOString(),
      created_by: `mpu inject (${version})`,
      comment: `libmpu.so, loaded by ${plan.loadedBy}`,
    },
    labels: { ...labelsOf(image), ...marks },
    environment: plan.environment,
    annotations: { ...annotationsOf(image.manifest), ...marks },
  });
  return { platform, descriptor: added.descriptor, sizeAdded: added.layerSize };
}

/** Injects the image of a store. Whatever goes wrong, the store is then as it was. */
export async function injectImage(store: ImageStore, options: InjectOptions): Promise<InjectResult> {
  const target = store.target({ verb: 'inject', tag: options.tag, output: options.output });
  if (target.isSource) throw sameTagError(store.name);
  const loadedBy = new Set<string>();
  try {
    const edited = await editPlatforms(store, {
      verb: 'inject into',
      editImage: (descriptor) => injectPlatform(store, descriptor, options, loadedBy),
      annotations: (index, annotations) => ({ ...annotations, 'dev.mpu.version': version, 'dev.mpu.base': index.digest }),
    });
    const result = {
      source: store.name,
      store: store.kind,
      sizeAdded: edited.sizeAdded,
      platforms: edited.platforms,
      skippedPlatforms: edited.skipped,
      loadedBy: [...loadedBy],
    };
    const isNamed = [options.tag, options.output, options.pushTo].some((name) => name !== undefined);
    if (edited.descriptor === undefined && !isNamed) {
      return { ...result, outcome: 'already-injected', image: store.name, digest: store.descriptor.digest };
    }
    const descriptor = edited.descriptor ?? store.descriptor;
    const existing = await target.existing();
    const { digest } = descriptor;
    if (existing?.digest === digest) return { ...result, outcome: 'unchanged', image: target.name, digest, sizeAdded: 0 };
    if (existing?.isMadeByMpu === false && options.force !== true) throw targetExistsError(target.name, store.name);
    throwIfInterrupted(options.signal);
    await target.commit(descriptor, true);
    if (edited.descriptor !== undefined && !isRead(store, options)) options.onNotice?.(unreadNotice(store));
    return { ...result, outcome: existing === undefined ? 'created' : 'replaced', image: target.name, digest };
  } finally {
    await store.takeBack();
  }
}
