// SPDX-License-Identifier: GPL-2.0-only
/** Taking mpu out of an image of a container engine. */
import { throwIfInterrupted } from '../errors.js';
import type { EjectResult, EjectOptions } from '../image/types.js';
import { Label, isMadeByMpu } from '../image/labels.js';
import { ejectImage } from '../oci/eject-image.js';
import { PRELOAD_ENTRY, PRELOAD_FILE, hasPreloadVariable, preloadEntries } from '../payload/preload-file.js';
import { canonicalName, type EngineReference } from '../image/reference.js';
import { engineTarget } from '../image/target-names.js';
import { sameTagError, targetExistsError } from '../image/target-errors.js';
import type { EngineImage } from './engine-image.js';
import { findImage, knownName, platformOf, supportedArchitecture, type Source } from './find-image.js';
import { withFiles, withSavedImage, type SavedImage } from './saved-image.js';

const isMarked = ({ labels, environment }: EngineImage): boolean =>
  labels[Label.version] !== undefined || hasPreloadVariable(environment);

/** The image that was injected, where mpu's layer is the topmost and the engine still has it. */
async function findOriginal({ engine, image }: Source): Promise<EngineImage | undefined> {
  const { [Label.base]: base } = image.labels;
  if (!isMadeByMpu(image.labels, image.layers.length) || base === undefined) return undefined;
  const original = await engine.inspect(base);
  const isSame = original?.id === base && original.layers.join() === image.layers.slice(0, -1).join();
  if (!isSame) return undefined;
  // It may have been injected itself, with another library.
  return isMarked(original) ? findOriginal({ engine, image: original }) : original;
}

async function hasPreloadFile(source: Source, saved: SavedImage, options: EjectOptions): Promise<boolean> {
  return withFiles(source, saved, options, async (files) => {
    const preload = await files.readFile(PRELOAD_FILE);
    return preloadEntries(preload?.toString('latin1') ?? '').includes(PRELOAD_ENTRY);
  });
}

/** Ejects an image of a container engine. Whatever goes wrong, no name has moved. */
export async function ejectEngineImage(reference: EngineReference, options: EjectOptions): Promise<EjectResult> {
  const source = await findImage(reference, options);
  return withSavedImage(source, options, (saved) => ejectFound(reference, source, saved, options));
}

async function ejectFound(
  reference: EngineReference,
  source: Source,
  saved: SavedImage,
  options: EjectOptions,
): Promise<EjectResult> {
  const { engine, image } = source;
  supportedArchitecture(reference, image, 'eject mpu from');
  const known = knownName(reference, image);
  const common = {
    source: reference.text,
    store: engine.name,
    platforms: [platformOf(image)],
    skippedPlatforms: [],
    sizeAdded: 0,
  };
  throwIfInterrupted(options.signal);
  const isInjected = isMarked(image) || (await hasPreloadFile(source, saved, options));
  const original = isInjected ? await findOriginal(source) : image;
  if (!isInjected && options.tag === undefined) {
    return { ...common, outcome: 'not-injected', image: known ?? reference.text, digest: image.id, isOriginal: false };
  }

  const target = engineTarget(reference, known, { verb: 'eject', tag: options.tag });
  if (isInjected && image.names.some((name) => canonicalName(name) === canonicalName(target)))
    throw sameTagError(target, 'eject');
  const existing = await engine.inspect(target);
  const outcome = existing === undefined ? 'created' : 'replaced';
  if (existing !== undefined && existing.id === original?.id) {
    return { ...common, outcome: 'unchanged', image: target, digest: existing.id, isOriginal: isInjected };
  }
  const refuse = (): void => {
    if (existing !== undefined && options.force !== true) throw targetExistsError(target, reference.text, 'eject');
  };
  throwIfInterrupted(options.signal);
  if (original !== undefined) {
    refuse();
    await engine.tag(original, target);
    return { ...common, outcome, image: target, digest: original.id, isOriginal: isInjected };
  }
  const { id, isNew, sizeAdded, isOriginal } = await saved.edit(
    target,
    (store, request) => ejectImage(store, { ...options, ...request }),
    (made) => {
      if (made === existing?.id) return false;
      refuse();
      return true;
    },
  );
  if (!isNew) return { ...common, outcome: 'unchanged', image: target, digest: id, isOriginal };
  return { ...common, outcome, image: target, digest: id, sizeAdded, isOriginal };
}
