// SPDX-License-Identifier: GPL-2.0-only
/** Manifests and indexes in a registry. */
import { interruptedError } from '../errors.js';
import { isJsonObject } from '../system/json.js';
import { matchesDigest, sha256, isDigest } from '../image/digest.js';
import type { Repository } from './client.js';
import { atDigest } from './digest.js';
import { RegistryError, contentError } from './errors.js';
import { isTag } from '../image/registry-reference.js';
import { withRetries } from './retry.js';
import { readAnswer } from './transport.js';

/** What is taken: the OCI types, and Docker's. */
const TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
/** Manifests of before 2016, which name no configuration. */
const SCHEMA_1 = 'application/vnd.docker.distribution.manifest.v1+';
/** The most that registries have to take (distribution-spec, "Pushing Manifests"). */
const MANIFEST_LIMIT = 4 * 1024 * 1024;

/** Whether blobs of this type are manifests or indexes: registries keep them apart from all others. */
export function isManifestType(mediaType: string): boolean {
  return TYPES.includes(mediaType);
}

/** A manifest as it stands in the registry. */
export interface Manifest {
  data: Buffer;
  mediaType: string;
  digest: string;
}

/** The type that a manifest is sent as; some registries send all of them as plain JSON. */
function mediaTypeOf(header: string | undefined, data: Buffer): string | undefined {
  const sent = header?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (TYPES.includes(sent) || sent.startsWith(SCHEMA_1)) return sent;
  let parsed: unknown;
  try {
    parsed = JSON.parse(data.toString());
  } catch {
    return undefined;
  }
  if (!isJsonObject(parsed)) return undefined;
  if (typeof parsed.mediaType === 'string') return parsed.mediaType;
  return Array.isArray(parsed.manifests) ? TYPES[0] : Array.isArray(parsed.layers) ? TYPES[1] : undefined;
}

/**
 * Reads the manifest or index of a tag or digest. Its digest is checked: against the one asked for, or the one that
 * the registry gives with it. `push` asks with the right to write.
 */
export async function readManifest(
  target: Repository,
  reference: string,
  what: string,
  push = false,
): Promise<Manifest> {
  const { client, repository } = target;
  if (!isDigest(reference) && !isTag(reference)) {
    throw contentError(what, `${JSON.stringify(reference)} is neither tag nor digest`);
  }
  const headers = { Accept: TYPES.join(', ') };
  const request = { method: 'GET', at: `manifests/${reference}`, repository, push, headers, what } as const;
  return withRetries(
    async () => {
      const answer = await client.call(request, [200]);
      const url = client.address(repository, request.at);
      const data = await readAnswer(answer, MANIFEST_LIMIT, { ...request, url, signal: client.signal });
      const given = answer.headers['docker-content-digest'];
      const isGiven = typeof given === 'string' && isDigest(given);
      const wanted = isDigest(reference) ? [reference] : isGiven ? [given] : [];
      for (const digest of wanted) {
        if (matchesDigest(data, digest)) continue;
        throw contentError(what, `what ${client.host} gave for ${reference} does not have the digest ${digest}`);
      }
      const mediaType = mediaTypeOf(answer.headers['content-type'], data);
      if (mediaType === undefined || !TYPES.includes(mediaType)) {
        const isOld = mediaType?.startsWith(SCHEMA_1) === true;
        throw new RegistryError({
          code: 'registry-manifest-type',
          what,
          why: isOld
            ? 'its manifest is of schema 1, which nothing makes since 2016'
            : `it is no container image but ${mediaType ?? 'something unknown'}`,
          next: isOld ? 'copy it: skopeo copy --format v2s2 docker://FROM docker://TO' : 'name a container image',
        });
      }
      return { data, mediaType, digest: wanted[0] ?? sha256(data) };
    },
    client.signal,
    client.onProgress,
  );
}

/**
 * Like {@link readManifest}; undefined when there is no such tag, or no such repository. It asks with the right to
 * write, without which some registries do not say that there is no such repository.
 */
export async function findManifest(target: Repository, tag: string, what: string): Promise<Manifest | undefined> {
  try {
    return await readManifest(target, tag, what, true);
  } catch (error) {
    if (error instanceof RegistryError && error.status === 404) return undefined;
    throw error;
  }
}

/** Whether a manifest of this digest is there. */
export async function hasManifest({ client, repository }: Repository, digest: string, what: string): Promise<boolean> {
  const at = atDigest('manifests', digest, what);
  const request = { method: 'HEAD', at, repository, headers: { Accept: TYPES.join(', ') }, what } as const;
  const answer = await withRetries(() => client.call(request, [200, 404]), client.signal, client.onProgress);
  answer.resume();
  return answer.statusCode === 200;
}

/**
 * Writes a manifest under its digest, or moves a tag to it. A tag that is on its way is not interrupted, and it is
 * sent again when the connection breaks: the second time changes nothing. Interrupted before that, the error says so.
 */
export async function putManifest(
  { client, repository }: Repository,
  reference: string,
  { data, mediaType, digest }: Manifest,
  what: string,
): Promise<void> {
  const request = {
    method: 'PUT',
    at: `manifests/${reference}`,
    repository,
    push: true,
    headers: { 'Content-Type': mediaType },
    body: { size: data.length, open: () => data },
    what,
    uninterrupted: isTag(reference),
  } as const;
  let isSent = false;
  const send = (): ReturnType<typeof client.call> => {
    isSent = true;
    return client.call(request, [200, 201, 202]);
  };
  const answer = await withRetries(send, client.signal, client.onProgress).catch((error: unknown) => {
    if (!isSent || client.signal?.aborted !== true || !isTag(reference)) throw error;
    throw interruptedError(
      client.signal,
      `${client.host} did not answer, so ${repository}:${reference} may have moved`,
    );
  });
  answer.resume();
  const given = answer.headers['docker-content-digest'];
  if (given !== undefined && given !== digest) {
    throw contentError(what, `${client.host} keeps it as ${String(given)} instead of ${digest}`);
  }
}
