// SPDX-License-Identifier: GPL-2.0-only
/** Injecting the image of a store, by editing it. */
import { throwIfInterrupted } from '../errors.js';
import type { InjectOptions, InjectResult } from '../image/types.js';
import { injectionLabels, Label } from '../image/labels.js';
import { planInjection, type InjectionPlan } from '../payload/plan.js';
import { packLayer } from './pack-layer.js';
import { architectureOf, loadLibraries } from '../payload/libraries.js';
import { PRELOAD_FILE, PRELOAD_VARIABLE, hasPreloadVariable } from '../payload/preload-file.js';
import { version } from '../package/version.js';
import type { Descriptor } from './descriptor.js';
import { sha256 } from '../image/digest.js';
import { addEditedImage, annotationsOf, environmentOf, labelsOf, readImage, type Image } from './image.js';
import type { ImageStore } from './image-store.js';
import { layerOptions, mayRead } from './layer-options.js';
import { LayeredFiles } from './layered-files.js';
import { UnsupportedPlatform, editPlatforms, indexBytes, type EditedPlatform } from './platforms.js';
import { fitEntries } from './fit-entries.js';
import { publish, targetOf } from './publish.js';

/** The digest that tells whether two injections add the same, whenever they are made. */
export async function contentDigest({ entries }: InjectionPlan): Promise<string> {
  return sha256(await packLayer(entries, 0));
}

/**
 * Whether an image whose layers are not read has the library already, as far as its configuration tells:
 * `content` is the {@link contentDigest} of what is to be added. Where /etc/ld.so.preload loads the library, the
 * content is another one, and the version has to do.
 */
export function isInjectedUnread(image: Image, content: string): boolean {
  const labels = labelsOf(image);
  if (!image.diffIds.includes(labels[Label.layer] ?? '')) return false;
  if (!hasPreloadVariable(environmentOf(image))) return labels[Label.version] === version;
  // Engines give their layers no content label, nor a time stamp unless they are told one.
  return (labels[Label.content] ?? labels[Label.layer]) === content;
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
  if (image.os !== 'linux' || architecture === undefined)
    throw new UnsupportedPlatform(platform, store.name, 'inject into');
  const libraries = await loadLibraries(architecture, options.libraryDirectory);
  const { timestamp = 0 } = options;
  // What the cache knows is not read: a layer that is missing or cut off is to be found all the same.
  if (store.isLocal) for (const layer of image.layers) await store.openLayer(layer);
  const files = mayRead(store, options)
    ? new LayeredFiles(store, image.layers, layerOptions(store, platform, options))
    : undefined;
  const plan = await planInjection(
    { name: store.name, architecture, files, environment: environmentOf(image) },
    libraries,
  );
  if (plan.entries.length === 0) loadedBy.add(plan.loadedBy);
  if (plan.entries.length === 0) return { platform, descriptor: undefined, sizeAdded: 0 };
  options.onProgress?.(`adding a layer to ${store.name} (${platform})`);
  const entries = files === undefined ? plan.entries : await fitEntries(plan.entries, files);
  const archive = await packLayer(entries, timestamp);
  const diffId = sha256(archive);
  const content = await contentDigest(plan);
  const isPresent = files === undefined && isInjectedUnread(image, content);
  loadedBy.add(isPresent && !hasPreloadVariable(environmentOf(image)) ? PRELOAD_FILE : plan.loadedBy);
  if (isPresent) return { platform, descriptor: undefined, sizeAdded: 0 };
  throwIfInterrupted(options.signal);
  const marks = {
    ...injectionLabels(version, descriptor.digest, diffId, image.layers.length + 1),
    [Label.content]: content,
  };
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
  const target = targetOf(store, { ...options, verb: 'inject' });
  const loadedBy = new Set<string>();
  try {
    const edited = await editPlatforms(store, {
      verb: 'inject into',
      editImage: (descriptor) => injectPlatform(store, descriptor, options, loadedBy),
      addIndex: async (descriptor, index, members) => {
        const annotations = { ...annotationsOf(index), [Label.version]: version, [Label.base]: descriptor.digest };
        return store.addManifest(indexBytes(index, members, annotations), descriptor.mediaType);
      },
    });
    const result = {
      source: store.name,
      store: store.kind,
      sizeAdded: edited.sizeAdded,
      platforms: edited.platforms,
      skippedPlatforms: edited.skipped,
      loadedBy: [...loadedBy],
    };
    const published = await publish(store, target, edited.descriptor, { ...options, verb: 'inject' });
    if (published.outcome === 'left') {
      return { ...result, outcome: 'already-injected', image: store.name, digest: store.descriptor.digest };
    }
    const isMade = edited.descriptor !== undefined && published.outcome !== 'unchanged';
    if (isMade && !mayRead(store, options)) options.onNotice?.(unreadNotice(store));
    return { ...result, ...published, outcome: published.outcome, sizeAdded: isMade ? result.sizeAdded : 0 };
  } finally {
    await store.discard();
  }
}
