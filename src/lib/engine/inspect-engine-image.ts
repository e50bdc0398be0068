// SPDX-License-Identifier: GPL-2.0-only
/** What an image of a container engine has of mpu, and what an injection would do. */
import { MpuError, throwIfInterrupted } from '../errors.js';
import { Label, isMadeByMpu } from '../image/labels.js';
import type { InspectResult, InspectedPlatform, InspectOptions } from '../image/types.js';
import { findLibC, planInjection, type ImageFiles } from '../payload/plan.js';
import { architectureOf, loadLibraries } from '../payload/libraries.js';
import {
  PLATFORM_ENTRY,
  PRELOAD_ENTRY,
  PRELOAD_FILE,
  preloadEntries,
  preloadVariable,
} from '../payload/preload-file.js';
import type { EngineReference } from '../image/reference.js';
import type { EngineImage } from './engine-image.js';
import { findImage, platformOf } from './find-image.js';
import { withImageFiles } from './saved-image.js';

/** What stands in the configuration. */
function describe(image: EngineImage): Omit<InspectedPlatform, 'state' | 'onInject'> {
  const { [Label.version]: version, [Label.base]: base } = image.labels;
  return {
    platform: platformOf(image),
    digest: image.id,
    ...(version === undefined ? {} : { version, isOnTop: isMadeByMpu(image.labels, image.layers.length) }),
    ...(base === undefined ? {} : { base }),
    preloadVariable: preloadEntries(preloadVariable(image.environment) ?? ''),
  };
}

async function inspectFiles(
  name: string,
  image: EngineImage,
  files: ImageFiles,
  options: InspectOptions,
): Promise<InspectedPlatform> {
  throwIfInterrupted(options.signal);
  const known = describe(image);
  const architecture = architectureOf(image.architecture);
  if (image.os !== 'linux' || architecture === undefined) {
    return {
      ...known,
      state: 'not-injected',
      onInject: { action: 'refuse', why: `there is no library for ${known.platform}` },
    };
  }
  const preloadFile = preloadEntries((await files.readFile(PRELOAD_FILE))?.toString('latin1') ?? '');
  const libc = await findLibC(files, architecture, name).catch(() => undefined);
  const found = { ...known, ...(libc === undefined ? {} : { libc: libc.name }), preloadFile };
  const isNamed = preloadFile.includes(PRELOAD_ENTRY) || known.preloadVariable.includes(PLATFORM_ENTRY);
  const libraries = await loadLibraries(architecture, options.libraryDirectory);
  try {
    const plan = await planInjection({ name, architecture, files, environment: image.environment }, libraries);
    if (plan.entries.length === 0) return { ...found, state: 'injected', onInject: { action: 'nothing' } };
    const state = isNamed || known.version !== undefined ? 'outdated' : 'not-injected';
    return { ...found, state, onInject: { action: 'inject', loadedBy: plan.loadedBy } };
  } catch (error) {
    if (!(error instanceof MpuError)) throw error;
    return { ...found, state: isNamed ? 'outdated' : 'not-injected', onInject: { action: 'refuse', why: error.why } };
  }
}

/** Inspects an image of a container engine; changes nothing. */
export async function inspectEngineImage(reference: EngineReference, options: InspectOptions): Promise<InspectResult> {
  const source = await findImage(reference, options);
  const { engine, image } = source;
  options.onProgress?.(`reading ${reference.text} in ${engine.name}`);
  const platform = await withImageFiles(source, options, (files) =>
    inspectFiles(reference.text, image, files, options),
  );
  return { image: reference.text, store: engine.name, digest: image.id, state: platform.state, platforms: [platform] };
}
