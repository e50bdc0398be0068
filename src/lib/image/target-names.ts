// SPDX-License-Identifier: GPL-2.0-only
/** The name of a new image: in an engine, a layout, an archive or a registry. */
import { parse, join } from 'node:path';
import { ExitCode, MpuError, usageError } from '../errors.js';
import {
  parseImageReference,
  IMAGE_ID,
  invalid,
  TAG,
  type EngineReference,
  type LayoutReference,
  LAYOUT_TAG,
  type ArchiveReference,
} from './reference.js';
import { REGISTRY_TRANSPORT, isTag, parseRegistryReference, type RegistryReference } from './registry-reference.js';

/**
 * Where a new image goes: to the repository of `--push-to`, else to that of the source. Its tag is that of `--push-to`
 * or of `--tag` (`TAG`, or `docker://` with the same repository), else the {@link defaultTag} after the source's.
 */
export function registryTarget(
  source: RegistryReference,
  { verb, tag: wanted, pushTo }: TargetRequest,
): { repository: RegistryReference; tag: string } {
  const repository = pushTo === undefined ? source : parseRegistryReference(pushTo);
  const what = `cannot name the new image of ${source.text}`;
  if (pushTo !== undefined && repository.digest !== undefined) {
    const next = `mpu ${verb} ${source.text} --push-to ${REGISTRY_TRANSPORT}HOST/NAME:TAG`;
    throw usageError(what, 'the digest of the new image is not known before', next);
  }
  let tag = wanted;
  if (wanted?.startsWith(REGISTRY_TRANSPORT) === true) {
    const named = parseRegistryReference(wanted);
    if (named.host !== repository.host || named.repository !== repository.repository || named.digest !== undefined) {
      throw usageError(
        what,
        '--tag names a tag of the same repository',
        `mpu ${verb} ${source.text} --push-to ${wanted}`,
      );
    }
    tag = named.tag;
  }
  const pushed = pushTo !== undefined && repository.isTagged ? repository.tag : undefined;
  if (tag !== undefined && pushed !== undefined && tag !== pushed) {
    throw usageError(what, `--tag says ${tag}, --push-to says ${pushed}`, 'leave one of them out');
  }
  const name = tag ?? pushed ?? (source.tag === undefined ? undefined : defaultTag(source.tag, verb));
  if (name === undefined)
    throw usageError(what, 'the source is named by its digest', `mpu ${verb} ${source.text} --tag TAG`);
  if (!isTag(name)) throw usageError(what, `${JSON.stringify(name)} is no tag`, `mpu ${verb} ${source.text} --tag TAG`);
  return { repository, tag: name };
}

/** What decides the name of a new image. */
export interface TargetRequest {
  /** What the new image is made by; decides the default name. */
  verb: 'inject' | 'eject';
  /** Name or tag that the user asked for. */
  tag?: string | undefined;
  /** Archive that the user asked for. */
  output?: string | undefined;
  /** `docker://HOST/NAME[:TAG]` that the user asked for. */
  pushTo?: string | undefined;
  /** Whether an archive may take the place of the one that it is made of. */
  force?: boolean | undefined;
}

/** Suffix of the tag that an injected image gets. */
export const TAG_SUFFIX = '-mpu';
/** Suffix of the tag that an image gets from which mpu was removed, if its tag does not say that it had it. */
const EJECTED_SUFFIX = '-no-mpu';

/** The tag of the image that is made of the one with the tag `current`. */
export function defaultTag(current: string, verb: 'inject' | 'eject'): string {
  if (verb === 'inject') return `${current}${TAG_SUFFIX}`;
  const isMarked = current.endsWith(TAG_SUFFIX) && current !== TAG_SUFFIX;
  return isMarked ? current.slice(0, -TAG_SUFFIX.length) : `${current}${EJECTED_SUFFIX}`;
}

/**
 * The name for the new image of an engine or a docker archive: what the user wants (`NAME[:TAG]`, as for
 * `docker build --tag`), else `known`, the source's full name, with the {@link defaultTag}. Undefined when
 * the source has no single name. `text` is what the user called it.
 */
export function newName(
  text: string,
  known: string | undefined,
  { tag: wanted, verb }: TargetRequest,
): string | undefined {
  const next = `mpu ${verb} ${text} --tag NAME:TAG`;
  if (wanted !== undefined) {
    const parsed = parseImageReference(wanted);
    if (parsed.kind !== 'engine' || parsed.digest !== undefined || IMAGE_ID.test(wanted)) {
      throw invalid(wanted, 'the new image needs a name and a tag', next);
    }
    return `${parsed.name}:${parsed.tag ?? 'latest'}`;
  }
  if (known === undefined) return undefined;
  const colon = known.lastIndexOf(':');
  const tag = defaultTag(known.slice(colon + 1), verb);
  if (!TAG.test(tag)) throw invalid(`${known.slice(0, colon)}:${tag}`, 'a tag has at most 128 characters', next);
  return `${known.slice(0, colon)}:${tag}`;
}

/** The {@link newName} of an image in an engine, where one is needed. */
export function engineTarget(source: EngineReference, known: string | undefined, request: TargetRequest): string {
  const name = newName(source.text, known, request);
  if (name !== undefined) return name;
  throw new MpuError({
    code: 'target-needed',
    what: `cannot name the new image of ${source.text}`,
    why: 'the source is named by its id or digest, and its engine knows no single name for it',
    next: `mpu ${request.verb} ${source.text} --tag NAME:TAG`,
    exitCode: ExitCode.usage,
  });
}

/**
 * The tag for the new image in an OCI layout or an archive of one: what the user wants (`TAG`, or
 * `oci:DIR:TAG` with the same DIR), else the {@link defaultTag} after `current`, the source's.
 */
export function layoutTarget(
  source: LayoutReference | ArchiveReference,
  current: string,
  { tag: wanted, verb }: TargetRequest,
): string {
  const prefix = source.kind === 'oci' ? `oci:${source.directory}:` : `${source.kind}:${source.file}:`;
  const tag = wanted?.startsWith(prefix) === true ? wanted.slice(prefix.length) : (wanted ?? defaultTag(current, verb));
  if (!LAYOUT_TAG.test(tag) || /^oci(-archive)?:/.test(tag)) {
    throw invalid(tag, 'it is no tag for this OCI layout', `mpu ${verb} ${source.text} --tag TAG`);
  }
  return tag;
}

/** The path of the archive that a new image goes to: what the user wants, else a file beside the source. */
export function archiveTarget(file: string, { output, verb }: TargetRequest): string {
  if (output !== undefined) return output;
  const { dir, name, ext } = parse(file);
  return join(dir, `${defaultTag(name, verb)}${ext}`);
}
