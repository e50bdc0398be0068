// SPDX-License-Identifier: GPL-2.0-only
/** Injecting an image of a container engine: by a build on it that only adds, or by editing it in an archive. */
import { MpuError, throwIfInterrupted } from '../errors.js';
import type { InjectOptions, InjectResult } from '../image/types.js';
import { injectionLabels, Label, isMadeByMpu } from '../image/labels.js';
import { planInjection, type InjectionPlan } from '../payload/plan.js';
import { packLayer } from '../oci/pack-layer.js';
import { sha256 } from '../image/digest.js';
import { injectImage } from '../oci/inject-image.js';
import { loadLibraries } from '../payload/libraries.js';
import { PRELOAD_VARIABLE, preloadVariable } from '../payload/preload-file.js';
import { canonicalName, type EngineReference } from '../image/reference.js';
import { engineTarget } from '../image/target-names.js';
import { sameTagError, targetExistsError } from '../image/target-errors.js';
import { version } from '../package/version.js';
import type { EngineImage } from './engine-image.js';
import { findImage, knownName, platformOf, supportedArchitecture, type Source } from './find-image.js';
import { withFiles, withSavedImage, type SavedImage } from './saved-image.js';

/** A string as a word of a Dockerfile. */
export const dockerfileWord = (text: string): string => `"${text.replace(/[\\"$]/g, '\\$&')}"`;

/** The build context: a Dockerfile, and the layer, which ADD unpacks: unlike COPY it leaves the image's directories as they are. */
async function buildContext(
  from: string,
  layer: Buffer,
  { environment, loadedBy }: InjectionPlan,
  labels: Record<string, string>,
  timestamp: number,
): Promise<Buffer> {
  const lines = [
    `FROM ${from}`,
    'ADD layer.tar /',
    ...(loadedBy === PRELOAD_VARIABLE
      ? [`ENV ${PRELOAD_VARIABLE}=${dockerfileWord(preloadVariable(environment) ?? '')}`]
      : []),
    `LABEL ${Object.entries(labels)
      .map(([name, value]) => `${name}=${dockerfileWord(value)}`)
      .join(' ')}`,
  ];
  return packLayer(
    [
      { type: 'file', path: 'Dockerfile', data: Buffer.from(`${lines.join('\n')}\n`) },
      { type: 'file', path: 'layer.tar', data: layer },
    ],
    timestamp,
  );
}

/** Whether an image was made from `source`, with this layer as its last. */
function isSameInjection(image: EngineImage, source: EngineImage, labels: Record<string, string>): boolean {
  return (
    image.layers.length === source.layers.length + 1 &&
    [Label.base, Label.layer].every((name) => image.labels[name] === labels[name])
  );
}

/** Builds the image without a name, and checks that nothing but the one layer was added. */
async function build(
  { engine, image }: Source,
  layer: Buffer,
  plan: InjectionPlan,
  labels: Record<string, string>,
  options: InjectOptions,
): Promise<EngineImage> {
  const { timestamp = 0 } = options;
  const id = await engine.build(image, (from) => buildContext(from, layer, plan, labels, timestamp), {
    timestamp,
    annotations: labels,
  });
  const made = await engine.inspect(id);
  const isBuiltOn = image.layers.every((digest, index) => made?.layers[index] === digest);
  if (made !== undefined && isBuiltOn && isSameInjection(made, image, labels)) return made;
  await engine.removeUnnamed(id);
  throw new MpuError({
    code: 'build-unexpected',
    what: 'cannot use the image that was built',
    why: `${engine.name} did not build it on exactly the layers of the source`,
    next: 'if docker builds elsewhere: docker buildx use default; then run it again',
  });
}

/** Makes the image by a build and gives it its name. Returns its id. */
async function buildAndTag(
  source: Source,
  target: string,
  layer: Buffer,
  plan: InjectionPlan,
  labels: Record<string, string>,
  options: InjectOptions,
): Promise<string> {
  const { engine } = source;
  options.onProgress?.(`building ${target} in ${engine.name}`);
  const made = await build(source, layer, plan, labels, options);
  try {
    throwIfInterrupted(options.signal);
    await engine.tag(made, target);
  } catch (error) {
    await engine.removeUnnamed(made.id);
    throw error;
  }
  return made.id;
}

/**
 * Injects an image of a container engine. A step that the engine has begun is waited for, so that what it
 * made can be removed: nothing is left behind, interrupted or not.
 */
export async function injectEngineImage(reference: EngineReference, options: InjectOptions): Promise<InjectResult> {
  const source = await findImage(reference, options);
  return withSavedImage(source, options, (saved) => injectFound(reference, source, saved, options));
}

async function injectFound(
  reference: EngineReference,
  source: Source,
  saved: SavedImage,
  options: InjectOptions,
): Promise<InjectResult> {
  const { engine, image } = source;
  const architecture = supportedArchitecture(reference, image, 'inject into');
  const known = knownName(reference, image);

  const libraries = await loadLibraries(architecture, options.libraryDirectory);
  throwIfInterrupted(options.signal);
  options.onProgress?.(`reading ${reference.text} in ${engine.name}`);
  const plan = await withFiles(source, saved, options, async (files) => {
    throwIfInterrupted(options.signal);
    return planInjection({ name: reference.text, architecture, files, environment: image.environment }, libraries);
  });
  const { entries } = plan;
  const common = {
    source: reference.text,
    store: engine.name,
    platforms: [platformOf(image)],
    skippedPlatforms: [],
    loadedBy: [plan.loadedBy],
  };
  throwIfInterrupted(options.signal);
  if (entries.length === 0 && options.tag === undefined) {
    const sourceName = known ?? reference.text;
    return { ...common, outcome: 'already-injected', image: sourceName, digest: image.id, sizeAdded: 0 };
  }

  const target = engineTarget(reference, known, { verb: 'inject', tag: options.tag });
  if (image.names.some((name) => canonicalName(name) === canonicalName(target))) {
    if (entries.length === 0) return { ...common, outcome: 'unchanged', image: target, digest: image.id, sizeAdded: 0 };
    throw sameTagError(target);
  }
  // A builder that writes a time into the image gets the source's: the same source gives the same image, with its age.
  const timestamp = options.timestamp ?? (engine.keepsTime ? image.created : undefined) ?? 0;
  const layer = await packLayer(entries, timestamp);
  const labels = injectionLabels(version, image.id, sha256(layer), image.layers.length + 1);
  const existing = await engine.inspect(target, options.signal);
  if (existing !== undefined && entries.length > 0 && isSameInjection(existing, image, labels)) {
    return { ...common, outcome: 'unchanged', image: target, digest: existing.id, sizeAdded: 0 };
  }
  if (existing !== undefined && !isMadeByMpu(existing.labels, existing.layers.length) && options.force !== true) {
    throw targetExistsError(target, reference.text);
  }
  const outcome = existing === undefined ? 'created' : 'replaced';
  if (entries.length === 0) {
    await engine.tag(image, target);
    return { ...common, outcome, image: target, digest: image.id, sizeAdded: 0 };
  }

  throwIfInterrupted(options.signal);
  if (engine.canBuild(image)) {
    const digest = await buildAndTag(source, target, layer, plan, labels, { ...options, timestamp });
    return { ...common, outcome, image: target, digest, sizeAdded: layer.length };
  }
  const { id, isNew, sizeAdded } = await saved.edit(
    target,
    (store, request) => injectImage(store, { ...options, ...request }),
    (made) => made !== existing?.id,
  );
  if (!isNew) return { ...common, outcome: 'unchanged', image: target, digest: id, sizeAdded: 0 };
  return { ...common, outcome, image: target, digest: id, sizeAdded };
}
