// SPDX-License-Identifier: GPL-2.0-only
/** Names of images. */
import { ExitCode, MpuError } from '../errors.js';
import { REGISTRY_TRANSPORT, parseRegistryReference, type RegistryReference } from './registry-reference.js';

/** An image in a container engine's store. */
export interface EngineReference {
  kind: 'engine';
  /** As it was written. */
  text: string;
  /** Repository, or an image id; without tag and digest. */
  name: string;
  tag: string | undefined;
  digest: string | undefined;
}

/** An image in an OCI layout directory. */
export interface LayoutReference {
  kind: 'oci';
  text: string;
  directory: string;
  tag: string | undefined;
}

/** An image in a tar archive: of an OCI layout, or as `docker save` makes it. */
export interface ArchiveReference {
  kind: 'oci-archive' | 'docker-archive';
  text: string;
  file: string;
  /** Tag in an OCI layout, `NAME:TAG` in a docker archive. */
  tag: string | undefined;
}

/** An image outside of container engines. */
export type StoredReference = LayoutReference | ArchiveReference | RegistryReference;

/** What `mpu inject` takes. */
export type ImageReference = EngineReference | StoredReference;

/** Tags of container images (distribution's reference grammar). */
export const TAG = /^\w[\w.-]{0,127}$/;
/** `[host[:port]/]path`, an optional tag, an optional digest (distribution's reference grammar). */
const ENGINE_REFERENCE =
  /^((?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\d+)?\/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)(?::(\w[\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/;
export const IMAGE_ID = /^(?:sha256:[0-9a-f]{64}|[0-9a-f]{12,64})$/;
/** Values of org.opencontainers.image.ref.name (image-spec, annotations). */
export const LAYOUT_TAG = /^[A-Za-z0-9]+(?:[-._:@/+]+[A-Za-z0-9]+)*$/;
/** Transports of skopeo and others. `docker:TAG` without slashes is an image called docker. */
const OTHER_TRANSPORT = /^(docker-daemon:|containers-storage:)/;

export function invalid(text: string, why: string, next: string): MpuError {
  return new MpuError({
    code: 'invalid-reference',
    what: `cannot understand the image name ${JSON.stringify(text)}`,
    why,
    next,
    exitCode: ExitCode.usage,
  });
}

/** The parts of `TRANSPORT:PATH[:TAG]`. */
function parseStored(text: string): { path: string; tag: string | undefined } {
  const [, path = '', tag] = /^[a-z-]+:([^:]*)(?::([^]*))?$/.exec(text) ?? [];
  return { path, tag };
}

function parseLayoutReference(text: string): LayoutReference {
  const { path: directory, tag } = parseStored(text);
  if (directory === '') throw invalid(text, 'the directory is missing', 'name it: oci:DIR:TAG');
  if (tag !== undefined && !LAYOUT_TAG.test(tag)) {
    throw invalid(text, `${JSON.stringify(tag)} is no tag of an OCI layout`, 'name one of its tags: oci:DIR:TAG');
  }
  return { kind: 'oci', text, directory, tag };
}

function parseArchiveReference(text: string, kind: ArchiveReference['kind']): ArchiveReference {
  const { path: file, tag } = parseStored(text);
  if (file === '') throw invalid(text, 'the file is missing', `name it: ${kind}:FILE`);
  const isTag = tag === undefined || (kind === 'oci-archive' ? LAYOUT_TAG : ENGINE_REFERENCE).test(tag);
  if (!isTag) {
    const form = kind === 'oci-archive' ? 'TAG' : 'NAME:TAG';
    throw invalid(text, `${JSON.stringify(tag)} is no name of an image in an archive`, `write it ${kind}:FILE:${form}`);
  }
  return { kind, text, file, tag };
}

/**
 * Parses what a user calls an image: a name or id known to a container engine, `oci:DIR[:TAG]`,
 * `oci-archive:FILE[:TAG]` or `docker-archive:FILE[:NAME:TAG]`, where DIR and FILE have no colon, or
 * `docker://HOST/NAME[:TAG][@DIGEST]`. Throws an {@link MpuError} (exit code 2) for anything else.
 */
export function parseImageReference(text: string): ImageReference {
  if (text.startsWith('oci:')) return parseLayoutReference(text);
  if (text.startsWith('oci-archive:')) return parseArchiveReference(text, 'oci-archive');
  if (text.startsWith('docker-archive:')) return parseArchiveReference(text, 'docker-archive');
  if (text.startsWith(REGISTRY_TRANSPORT)) return parseRegistryReference(text);
  const transport = OTHER_TRANSPORT.exec(text)?.[1];
  if (transport !== undefined) {
    throw invalid(
      text,
      `images are taken from docker, podman, an OCI layout, an archive or a registry, not from ${transport}`,
      `skopeo copy ${text} oci:DIR:TAG && mpu inject oci:DIR:TAG`,
    );
  }
  if (IMAGE_ID.test(text)) return { kind: 'engine', text, name: text, tag: undefined, digest: undefined };
  const [, name, tag, digest] = ENGINE_REFERENCE.exec(text) ?? [];
  if (name === undefined) {
    throw invalid(text, 'it is neither NAME[:TAG] nor oci:DIR[:TAG]', 'write it like registry.example/team/app:1.2');
  }
  return { kind: 'engine', text, name, tag, digest };
}

/** A full name in the form in which two names of the same image are equal: the defaults of docker and podman removed. */
export function canonicalName(name: string): string {
  const slash = name.lastIndexOf('/');
  const tagged = name.includes('@') || name.includes(':', slash + 1) ? name : `${name}:latest`;
  return tagged.replace(/^(?:docker\.io\/library\/|docker\.io\/|localhost\/)/, '');
}
