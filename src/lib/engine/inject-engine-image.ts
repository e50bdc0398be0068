// SPDX-License-Identifier: GPL-2.0-only
/** Injecting an image of docker or podman, by a build on it that only copies. */
import { MpuError, throwIfInterrupted } from '../errors.js';
import { Label, injectionLabels, type EngineName, type InjectOptions, type InjectResult } from '../inject-types.js';
import { planInjection } from '../injection-plan.js';
import { packLayer, type LayerEntry } from '../layer.js';
import { sha256 } from '../oci/descriptor.js';
import { architectureOf, loadLibraries } from '../payload.js';
import { PRELOAD_FILE } from '../preload-file.js';
import { canonicalName, engineTarget, type EngineReference } from '../reference.js';
import { sameTagError, targetExistsError } from '../target-errors.js';
import { version } from '../version.js';
import { ContainerFiles } from './container-files.js';
import { Engine, type EngineImage } from './engine.js';

const ENGINES: readonly EngineName[] = ['docker', 'podman'];

interface Source {
  engine: Engine;
  image: EngineImage;
}

function notFoundError(reference: EngineReference, why: string, next: string): MpuError {
  return new MpuError({ code: 'image-not-found', what: `cannot find the image ${reference.text}`, why, next });
}

async function findIn(name: EngineName, reference: EngineReference): Promise<Source> {
  const engine = await Engine.connect(name);
  const image = await engine.inspect(reference.text);
  if (image !== undefined) return { engine, image };
  throw notFoundError(reference, `${name} does not have it`, engine.pullCommand(reference.text));
}

/** Finds the engine that has the image, among those that work. */
async function findAnywhere(reference: EngineReference, options: InjectOptions): Promise<Source> {
  const found: Source[] = [];
  const failures: MpuError[] = [];
  for (const name of ENGINES) {
    try {
      const source = await findIn(name, reference);
      if (!source.engine.isAlias) found.push(source);
    } catch (error) {
      if (!(error instanceof MpuError)) throw error;
      failures.push(error);
    }
  }
  const [first, second] = found;
  if (first !== undefined) {
    if (second !== undefined) {
      const { text } = reference;
      options.onNotice?.(`both docker and podman have ${text}; taking docker's (--engine podman for the other)`);
    }
    return first;
  }
  const installed = failures.filter((error) => error.code !== 'engine-missing');
  const [broken] = installed;
  if (broken === undefined) {
    throw new MpuError({
      code: 'engine-missing',
      what: 'cannot find a container engine',
      why: 'there is neither docker nor podman in PATH',
      next: 'install one (package docker.io or podman), or use an OCI layout: mpu inject oci:DIR:TAG',
      exitCode: failures[0]?.exitCode ?? 1,
    });
  }
  const searched = installed.find((error) => error.code === 'image-not-found');
  if (searched === undefined) throw broken;
  throw notFoundError(reference, installed.map((error) => error.why).join('; '), searched.next);
}

function checkImage(reference: EngineReference, { image }: Source): void {
  if (image.onBuild.length > 0) {
    throw new MpuError({
      code: 'image-onbuild',
      what: `cannot inject into ${reference.text}`,
      why: 'it has ONBUILD triggers, which building on it would run',
      next: `copy it into an OCI layout and inject that: mpu inject oci:DIR:TAG`,
    });
  }
  if (image.os !== 'linux' || architectureOf(image.architecture) === undefined) {
    throw new MpuError({
      code: 'platform-unsupported',
      what: `cannot inject into ${reference.text}`,
      why: `it is for ${image.os}/${image.architecture}; the library exists for linux/amd64 and linux/arm64`,
      next: 'use the image for linux/amd64 or linux/arm64',
    });
  }
}

function muslError({ text }: EngineReference): MpuError {
  return new MpuError({
    code: 'image-musl',
    what: `cannot inject into ${text}`,
    why: `its C library is musl, which does not read ${PRELOAD_FILE}`,
    next: 'copy it into an OCI layout and inject that: mpu inject oci:DIR:TAG',
  });
}

/** The source's full name: the one it was called by, or else its only one. */
function knownName(reference: EngineReference, image: EngineImage): string | undefined {
  const called = image.names.find((name) => canonicalName(name) === canonicalName(reference.text));
  return called ?? (image.names.length === 1 ? image.names[0] : undefined);
}

/** The build context: a Dockerfile of COPY and LABEL lines, and the files below `rootfs/`. */
async function buildContext(
  from: string,
  entries: readonly LayerEntry[],
  labels: Record<string, string>,
  timestamp: number,
): Promise<Buffer> {
  const labelLine = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const dockerfile = `FROM ${from}\nCOPY rootfs/ /\nLABEL ${labelLine.join(' ')}\n`;
  const directories = new Set<string>();
  for (const { path } of entries) {
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      directories.add(path.slice(0, slash));
    }
  }
  const own = new Set(entries.map(({ path }) => path));
  const parents = [...directories].filter((path) => !own.has(path)).map((path) => ({ type: 'directory' as const, path }));
  const below = [...parents, ...entries].map((entry) => ({ ...entry, path: `rootfs/${entry.path}` }));
  return packLayer(
    [{ type: 'file', path: 'Dockerfile', data: Buffer.from(dockerfile) }, { type: 'directory', path: 'rootfs' }, ...below],
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

/** Whether mpu made an image, and not somebody else from an image that mpu made. */
function isMadeByMpu(image: EngineImage): boolean {
  return image.labels[Label.layers] === String(image.layers.length);
}

/** Builds the image without a name, and checks that nothing but the one layer was added. */
async function build(
  { engine, image }: Source,
  entries: readonly LayerEntry[],
  labels: Record<string, string>,
  options: InjectOptions,
): Promise<string> {
  const id = await engine.build(
    image,
    (from) => buildContext(from, entries, labels, options.timestamp ?? 0),
    options.timestamp,
  );
  const made = await engine.inspect(id);
  const isBuiltOn = image.layers.every((layer, index) => made?.layers[index] === layer);
  if (made !== undefined && isBuiltOn && isSameInjection(made, image, labels)) return made.id;
  await engine.removeUnnamed(id);
  throw new MpuError({
    code: 'build-unexpected',
    what: 'cannot use the image that was built',
    why: `${engine.name} did not build it on exactly the layers of the source`,
    next: 'if docker builds elsewhere: docker buildx use default; then run it again',
  });
}

/**
 * Injects an image of docker or podman. A step that the engine has begun is waited for, so that what it
 * made can be removed: nothing is left behind, interrupted or not.
 */
export async function injectEngineImage(reference: EngineReference, options: InjectOptions): Promise<InjectResult> {
  const source =
    options.engine === undefined
      ? await findAnywhere(reference, options)
      : await findIn(options.engine, reference);
  checkImage(reference, source);
  const { engine, image } = source;
  const architecture = architectureOf(image.architecture) ?? 'x86_64';
  const known = knownName(reference, image);
  const platforms = [[image.os, image.architecture, image.variant].filter(Boolean).join('/')];
  const common = { source: reference.text, store: engine.name, platforms, skippedPlatforms: [], loadedBy: [PRELOAD_FILE] };

  const libraries = await loadLibraries(architecture, options.libraryDirectory);
  throwIfInterrupted(options.signal);
  options.onProgress?.(`reading ${reference.text} in ${engine.name}`);
  const { entries, loadedBy } = await engine.withContainer(image, async (container) => {
    throwIfInterrupted(options.signal);
    const files = new ContainerFiles(engine, container);
    return planInjection({ name: reference.text, architecture, files, environment: [] }, libraries);
  });
  if (loadedBy !== PRELOAD_FILE) throw muslError(reference);
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
  const layer = await packLayer(entries, options.timestamp ?? 0);
  const labels = injectionLabels(version, image.id, sha256(layer), image.layers.length + 1);
  const existing = await engine.inspect(target);
  if (existing !== undefined && entries.length > 0 && isSameInjection(existing, image, labels)) {
    return { ...common, outcome: 'unchanged', image: target, digest: existing.id, sizeAdded: 0 };
  }
  if (existing !== undefined && !isMadeByMpu(existing) && options.force !== true) {
    throw targetExistsError(target, reference.text);
  }
  const outcome = existing === undefined ? 'created' : 'replaced';
  if (entries.length === 0) {
    await engine.tag(image.id, target);
    return { ...common, outcome, image: target, digest: image.id, sizeAdded: 0 };
  }

  throwIfInterrupted(options.signal);
  options.onProgress?.(`building ${target} in ${engine.name}`);
  const id = await build(source, entries, labels, options);
  try {
    throwIfInterrupted(options.signal);
    await engine.tag(id, target);
  } catch (error) {
    await engine.removeUnnamed(id);
    throw error;
  }
  return { ...common, outcome, image: target, digest: id, sizeAdded: layer.length };
}
