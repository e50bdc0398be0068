// SPDX-License-Identifier: GPL-2.0-only
/** The lines of a Dockerfile that put libmpu.so into a base image, and the files that they add. */
import { join } from 'node:path';
import { MpuError, throwIfInterrupted, usageError } from './errors.js';
import { findImage, supportedArchitecture } from './engine/find-image.js';
import { withImageFiles } from './engine/saved-image.js';
import type { InjectOptions } from './image/types.js';
import { planInjection, type InjectionPlan } from './payload/plan.js';
import { packLayer } from './oci/pack-layer.js';
import type { LayerEntry } from './payload/layer-entry.js';
import {
  libraryEntries,
  libraryPlaces,
  loadLibraries,
  platformEntries,
  type Architecture,
  IMAGE_ARCHITECTURES,
} from './payload/libraries.js';
import { PLATFORM_ENTRY, PRELOAD_FILE, PRELOAD_VARIABLE } from './payload/preload-file.js';
import { parseImageReference, type EngineReference } from './image/reference.js';
import { version } from './package/version.js';
import { writeIfChanged } from './system/replace-file.js';

/** How to make the lines; everything is optional. */
export interface DockerfileOptions extends Pick<
  InjectOptions,
  'engine' | 'libraryDirectory' | 'timestamp' | 'signal' | 'onProgress' | 'onNotice'
> {
  /** Directory to write the files into; default: they are not written. */
  context?: string;
}

/** The lines and the files. */
export interface DockerfileResult {
  dockerfile: string;
  /** Names of the files that it adds, one for each architecture. */
  files: string[];
  /** `/etc/ld.so.preload` or `LD_PRELOAD`. */
  loadedBy: InjectionPlan['loadedBy'];
}

const fileName = (target: string): string => `mpu-${target}.tar`;

function referenceOf(from: string): EngineReference {
  const reference = parseImageReference(from);
  if (reference.kind === 'engine') return reference;
  throw usageError(
    `cannot write FROM ${from}`,
    'a Dockerfile names images in engines and registries only',
    `mpu inject ${from}`,
  );
}

/** What the base image needs; undefined where no engine has it. */
async function look(reference: EngineReference, options: DockerfileOptions): Promise<InjectionPlan | undefined> {
  try {
    const source = await findImage(reference, options);
    const { engine, image } = source;
    const architecture = supportedArchitecture(reference, image, 'build on');
    const libraries = await loadLibraries(architecture, options.libraryDirectory);
    options.onProgress?.(`reading ${reference.text} in ${engine.name}`);
    const { name, environment } = { name: reference.text, environment: image.environment };
    return await withImageFiles(source, options, (files) =>
      planInjection({ name, architecture, files, environment }, libraries),
    );
  } catch (error) {
    const isElsewhere =
      error instanceof MpuError &&
      ['engine-missing', 'engine-down', 'engine-denied', 'image-not-found'].includes(error.code);
    if (isElsewhere && options.engine === undefined) return undefined;
    throw error;
  }
}

/** What is added for one architecture. */
async function entriesFor(
  architecture: Architecture,
  plan: InjectionPlan | undefined,
  libraryDirectory: string | undefined,
): Promise<LayerEntry[]> {
  const libraries = await loadLibraries(architecture, libraryDirectory);
  if (plan?.loadedBy !== PRELOAD_FILE) return platformEntries(architecture, libraries);
  const preload = plan.entries.filter(({ path }) => path === PRELOAD_FILE.slice(1));
  // `lib` is a link in both cases, to one library or the other.
  const lib = plan.entries.find(({ path }) => path.endsWith('/lib/libmpu.so'));
  const native = lib?.type === 'symlink' && lib.target.startsWith('i386') ? 'lib64' : 'lib';
  return [...libraryEntries(libraryPlaces(architecture, native), libraries), ...preload];
}

function textFor(from: string, loadedBy: InjectionPlan['loadedBy']): string {
  const variable = `${PRELOAD_VARIABLE}=\${${PRELOAD_VARIABLE}:+\${${PRELOAD_VARIABLE}}:}${PLATFORM_ENTRY.replace('$', '\\$')}`;
  const lines = [
    `# libmpu.so ${version}: GPU processes with their own PIDs (mpu dockerfile)`,
    `FROM ${from}`,
    'ARG TARGETARCH',
    `ADD ${fileName('${TARGETARCH}')} /`,
    ...(loadedBy === PRELOAD_VARIABLE ? [`ENV ${variable}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * The Dockerfile that adds libmpu.so to `from`. An engine that has the image is asked what is in it: then
 * its /etc/ld.so.preload is extended. Otherwise LD_PRELOAD loads the library, which works in any image.
 * No program of the image is run. Rejects with an MpuError.
 */
export async function makeDockerfile(from: string, options: DockerfileOptions = {}): Promise<DockerfileResult> {
  const plan = await look(referenceOf(from), options);
  throwIfInterrupted(options.signal);
  if (plan?.entries.length === 0) {
    const what = `cannot add libmpu.so to ${from}`;
    throw new MpuError({
      code: 'already-injected',
      what,
      why: 'it has it already',
      next: `FROM ${from}, and nothing else`,
    });
  }
  const loadedBy = plan?.loadedBy ?? PRELOAD_VARIABLE;
  for (const [target, architecture] of Object.entries(IMAGE_ARCHITECTURES)) {
    const layer = await packLayer(
      await entriesFor(architecture, plan, options.libraryDirectory),
      options.timestamp ?? 0,
    );
    if (options.context !== undefined) await writeIfChanged(join(options.context, fileName(target)), layer);
  }
  return { dockerfile: textFor(from, loadedBy), files: Object.keys(IMAGE_ARCHITECTURES).map(fileName), loadedBy };
}
