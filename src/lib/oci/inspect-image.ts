// SPDX-License-Identifier: GPL-2.0-only
/** What the image of a store has of mpu, and what an injection would do. */
import { MpuError, throwIfInterrupted } from '../errors.js';
import { Label } from '../image/labels.js';
import type { InspectResult, InspectedPlatform, InjectionState, InspectOptions } from '../image/types.js';
import { findLibC, planInjection } from '../payload/plan.js';
import { architectureOf, loadLibraries } from '../payload/libraries.js';
import {
  PLATFORM_ENTRY,
  PRELOAD_ENTRY,
  PRELOAD_FILE,
  preloadEntries,
  preloadVariable,
} from '../payload/preload-file.js';
import { isIndex, type Descriptor } from './descriptor.js';
import { environmentOf, labelsOf, readImage, type Image, isAttestation } from './image.js';
import type { ImageStore } from './image-store.js';
import { contentDigest, isInjectedUnread } from './inject-image.js';
import { layerOptions, mayRead } from './layer-options.js';
import { LayeredFiles } from './layered-files.js';
import { leftAlone, readIndex } from './platforms.js';
import { isInjectedOnTop } from './restore-image.js';

/** What the configuration alone says. */
function describe(image: Image): Omit<InspectedPlatform, 'state' | 'onInject'> {
  const { [Label.version]: version, [Label.base]: base } = labelsOf(image);
  return {
    platform: image.platform,
    digest: image.descriptor.digest,
    ...(version === undefined ? {} : { version, isOnTop: isInjectedOnTop(image) }),
    ...(base === undefined ? {} : { base }),
    preloadVariable: preloadEntries(preloadVariable(environmentOf(image)) ?? ''),
  };
}

/** The two lists of libraries, and the C library, of an image whose layers may be read. */
async function readPreloads(
  image: Image,
  files: LayeredFiles,
): Promise<Pick<InspectedPlatform, 'libc' | 'preloadFile'>> {
  const architecture = architectureOf(image.architecture);
  const preload = await files.readFile(PRELOAD_FILE);
  const libc = architecture === undefined ? undefined : await findLibC(files, architecture, '').catch(() => undefined);
  return {
    ...(libc === undefined ? {} : { libc: libc.name }),
    preloadFile: preloadEntries(preload?.toString('latin1') ?? ''),
  };
}

async function inspectPlatform(
  store: ImageStore,
  descriptor: Descriptor,
  options: InspectOptions,
): Promise<InspectedPlatform> {
  throwIfInterrupted(options.signal);
  const image = await readImage(store, descriptor);
  const architecture = architectureOf(image.architecture);
  const known = describe(image);
  if (image.os !== 'linux' || architecture === undefined) {
    return {
      ...known,
      state: 'not-injected',
      onInject: { action: 'refuse', why: `there is no library for ${image.platform}` },
    };
  }
  const isRead = mayRead(store, options);
  const files = isRead
    ? new LayeredFiles(store, image.layers, layerOptions(store, image.platform, options))
    : undefined;
  const found = { ...known, ...(files === undefined ? {} : await readPreloads(image, files)) };
  const isNamed = found.preloadFile?.includes(PRELOAD_ENTRY) === true || found.preloadVariable.includes(PLATFORM_ENTRY);
  const libraries = await loadLibraries(architecture, options.libraryDirectory);
  try {
    const plan = await planInjection(
      { name: store.name, architecture, files, environment: environmentOf(image) },
      libraries,
    );
    const isInjected =
      plan.entries.length === 0 || (files === undefined && isInjectedUnread(image, await contentDigest(plan)));
    if (isInjected) return { ...found, state: 'injected', onInject: { action: 'nothing' } };
    const isThere = isNamed || known.version !== undefined;
    const state = isThere ? 'outdated' : files === undefined ? 'unknown' : 'not-injected';
    return { ...found, state, onInject: { action: 'inject', loadedBy: plan.loadedBy } };
  } catch (error) {
    if (!(error instanceof MpuError)) throw error;
    return { ...found, state: isNamed ? 'outdated' : 'not-injected', onInject: { action: 'refuse', why: error.why } };
  }
}

async function inspectPlatforms(
  store: ImageStore,
  descriptor: Descriptor,
  options: InspectOptions,
): Promise<InspectedPlatform[]> {
  if (!isIndex(descriptor)) return [await inspectPlatform(store, descriptor, options)];
  const { members } = await readIndex(store, descriptor);
  const platforms: InspectedPlatform[] = [];
  for (const member of members.filter((candidate) => !isAttestation(candidate))) {
    const left = await leftAlone(store, member);
    if (left === undefined) {
      platforms.push(...(await inspectPlatforms(store, member, options)));
      continue;
    }
    const onInject = { action: 'refuse', why: `it is ${left.why}` } as const;
    platforms.push({ platform: left.name, digest: member.digest, state: 'unknown', preloadVariable: [], onInject });
  }
  return platforms;
}

/** Inspects the image of a store; changes nothing. */
export async function inspectImage(store: ImageStore, options: InspectOptions): Promise<InspectResult> {
  const platforms = await inspectPlatforms(store, store.descriptor, options);
  const states = platforms.filter(({ onInject }) => onInject.action !== 'refuse').map(({ state }) => state);
  const order: InjectionState[] = ['not-injected', 'unknown', 'outdated', 'injected'];
  const state = order.find((candidate) => states.includes(candidate)) ?? 'not-injected';
  return { image: store.name, store: store.kind, digest: store.descriptor.digest, state, platforms };
}
