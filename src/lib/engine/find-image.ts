// SPDX-License-Identifier: GPL-2.0-only
/** Finding the engine that has an image. */
import { ExitCode, MpuError } from '../errors.js';
import { ENGINES, type EngineName, type InjectOptions } from '../image/types.js';
import { architectureOf, type Architecture } from '../payload/libraries.js';
import { canonicalName, type EngineReference } from '../image/reference.js';
import { Engine } from './engine.js';
import type { EngineImage } from './engine-image.js';

/** An image, and the engine that has it. */
export interface Source {
  engine: Engine;
  image: EngineImage;
}

function notFoundError(reference: EngineReference, why: string, next: string): MpuError {
  return new MpuError({ code: 'image-not-found', what: `cannot find the image ${reference.text}`, why, next });
}

async function findIn(name: EngineName, reference: EngineReference, signal: AbortSignal | undefined): Promise<Source> {
  const engine = await Engine.connect(name, { signal });
  const image = await engine.inspect(reference.text, signal);
  if (image !== undefined) return { engine, image };
  throw notFoundError(reference, `${name} does not have it`, engine.pullCommand(reference.text));
}

/** Finds the engine that has the image, among those that work. */
async function findAnywhere(
  reference: EngineReference,
  onNotice: InjectOptions['onNotice'],
  signal: AbortSignal | undefined,
): Promise<Source> {
  const found: Source[] = [];
  const failures = new Map<EngineName, MpuError>();
  for (const name of ENGINES) {
    // What one of the two has, the other has, too: they share a store.
    const isKnown = name === 'buildah' && (failures.get('podman') ?? { code: '' }).code !== 'engine-missing';
    if (isKnown) continue;
    try {
      const source = await findIn(name, reference, signal);
      if (!source.engine.isAlias) found.push(source);
    } catch (error) {
      if (!(error instanceof MpuError) || error.code === 'interrupted') throw error;
      failures.set(name, error);
    }
  }
  const [first, second] = found.map(({ engine }) => engine.name);
  if (found[0] !== undefined) {
    if (first !== undefined && second !== undefined) {
      onNotice?.(
        `both ${first} and ${second} have ${reference.text}; taking ${first}'s (--engine ${second} for the other)`,
      );
    }
    return found[0];
  }
  const installed = [...failures.values()].filter((error) => error.code !== 'engine-missing');
  const [broken] = installed;
  if (broken === undefined) {
    throw new MpuError({
      code: 'engine-missing',
      what: 'cannot find a container engine',
      why: `there is none of ${ENGINES.join(', ')} in PATH`,
      next: 'install one (e.g. package docker.io or podman), or use an OCI layout: mpu inject oci:DIR:TAG',
      exitCode: ExitCode.hostUnsupported,
    });
  }
  const searched = installed.filter((error) => error.code === 'image-not-found');
  const why = searched.map((error) => error.why);
  const unusable = installed.filter((error) => error.code !== 'image-not-found');
  const cause = unusable.find(({ exitCode }) => exitCode === ExitCode.permission) ?? unusable[0];
  const [pull] = searched;
  if (pull === undefined) throw cause ?? broken;
  if (cause === undefined) throw notFoundError(reference, why.join('; '), pull.next);
  // The image may be in the one that could not be searched.
  const { code, what, exitCode } = cause;
  throw new MpuError({
    code,
    what: `${what}, where ${reference.text} may be`,
    why: [cause.why, ...why].join('; '),
    next: `${cause.next}; if the image is in neither: ${pull.next}`,
    exitCode,
    cause,
  });
}

/** Finds an image in the engine that the user named, else in the first that has it. Rejects with an MpuError. */
export async function findImage(
  reference: EngineReference,
  { engine, onNotice, signal }: Pick<InjectOptions, 'engine' | 'onNotice' | 'signal'>,
): Promise<Source> {
  return engine === undefined ? findAnywhere(reference, onNotice, signal) : findIn(engine, reference, signal);
}

/** The architecture of an image that there is a library for; throws for any other. `verb`: e.g. `inject into`. */
export function supportedArchitecture(reference: EngineReference, image: EngineImage, verb: string): Architecture {
  const architecture = architectureOf(image.architecture);
  if (image.os === 'linux' && architecture !== undefined) return architecture;
  throw new MpuError({
    code: 'platform-unsupported',
    what: `cannot ${verb} ${reference.text}`,
    why: `it is for ${image.os}/${image.architecture}; the library exists for linux/amd64 and linux/arm64`,
    next: 'use the image for linux/amd64 or linux/arm64',
  });
}

/** `OS/ARCHITECTURE[/VARIANT]`. */
export function platformOf({ os, architecture, variant }: EngineImage): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');
}

/** The source's full name: the one it was called by, or else its only one. */
export function knownName(reference: EngineReference, image: EngineImage): string | undefined {
  const called = image.names.find((name) => canonicalName(name) === canonicalName(reference.text));
  return called ?? (image.names.length === 1 ? image.names[0] : undefined);
}
