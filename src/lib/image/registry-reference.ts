// SPDX-License-Identifier: GPL-2.0-only
/** Names of images in registries: `docker://HOST[:PORT]/NAME[:TAG][@DIGEST]`, as skopeo and podman write them. */
import { ExitCode, MpuError } from '../errors.js';

/** Docker Hub, as image names call it. */
export const DOCKER_HUB = 'docker.io';

/** What image names of this kind begin with. */
export const REGISTRY_TRANSPORT = 'docker://';

/** An image in a registry. */
export interface RegistryReference {
  kind: 'registry';
  /** As it was written. */
  text: string;
  /** `HOST[:PORT]`; Docker Hub is `docker.io`. */
  host: string;
  /** Name in the registry, e.g. `library/debian`. */
  repository: string;
  /** Undefined when only a digest was given. */
  tag: string | undefined;
  /** Whether the tag was written, and is not the one that is meant without. */
  isTagged: boolean;
  digest: string | undefined;
}

/** The tag that is meant where none is named. */
const DEFAULT_TAG = 'latest';
/** Distribution's reference grammar. */
const HOST = /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::\d+)?$/;
const REPOSITORY = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const REST = /^([^:@]+)(?::(\w[\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?$/;
const HUB_HOSTS = [DOCKER_HUB, 'index.docker.io', 'registry-1.docker.io'];

function invalid(text: string, why: string): MpuError {
  return new MpuError({
    code: 'invalid-reference',
    what: `cannot understand the image name ${JSON.stringify(text)}`,
    why,
    next: 'write it like docker://registry.example/team/app:1.2',
    exitCode: ExitCode.usage,
  });
}

/** The host of a name and the rest: a first part without dot and port is a name on Docker Hub, but for localhost. */
function split(name: string): [host: string, rest: string] {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  if (!/[.:]/.test(first) && first !== 'localhost') return [DOCKER_HUB, name];
  return [HUB_HOSTS.includes(first) ? DOCKER_HUB : first, name.slice(slash + 1)];
}

/** Parses `docker://HOST[:PORT]/NAME[:TAG][@DIGEST]`. Throws an {@link MpuError} (exit code 2). */
export function parseRegistryReference(text: string): RegistryReference {
  if (!text.startsWith(REGISTRY_TRANSPORT)) throw invalid(text, `a registry's image begins with ${REGISTRY_TRANSPORT}`);
  const [host, rest] = split(text.slice(REGISTRY_TRANSPORT.length));
  const [, name = '', tag, digest] = REST.exec(rest) ?? [];
  const repository = host === DOCKER_HUB && !name.includes('/') ? `library/${name}` : name;
  if (!HOST.test(host)) throw invalid(text, `${JSON.stringify(host)} is no HOST[:PORT]`);
  if (!REPOSITORY.test(repository) || repository.length > 255) {
    throw invalid(text, 'after the host it is not NAME[:TAG][@DIGEST], with a NAME in lower case');
  }
  const meant = tag ?? (digest === undefined ? DEFAULT_TAG : undefined);
  return { kind: 'registry', text, host, repository, tag: meant, isTagged: tag !== undefined, digest };
}

/** Whether a registry takes this as a tag. */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** The name of a tag or digest of a reference's repository. */
export function registryName({ host, repository }: RegistryReference, tagOrDigest: string): string {
  return `${REGISTRY_TRANSPORT}${host}/${repository}${tagOrDigest.includes(':') ? '@' : ':'}${tagOrDigest}`;
}
