// SPDX-License-Identifier: GPL-2.0-only
/** Giving a repository what an image refers to, with as little data moved as possible. */
import { Readable } from 'node:stream';
import { isDescriptor, type Descriptor } from '../oci/descriptor.js';
import { isJsonObject } from '../system/json.js';
import type { Repository } from './client.js';
import { hasBlob, readBlob } from './download.js';
import { contentError } from './errors.js';
import type { Manifest } from './manifests.js';
import { mountBlob, pushBlob } from './upload.js';

/** Layers that only their makers may hand out; they stay where their descriptor says (image-spec, layer.md). */
const FOREIGN_LAYER = /\.(?:foreign|nondistributable)\b/;
/** Milliseconds between two lines of progress. */
const PROGRESS_INTERVAL = 200;

/** The configuration and the layers that a manifest refers to, once each; of an index none. */
export function blobsOf({ data, digest }: Manifest): Descriptor[] {
  const manifest: unknown = JSON.parse(data.toString());
  const { config, layers } = isJsonObject(manifest) ? manifest : {};
  const all: unknown[] = [
    ...(config === undefined ? [] : [config]),
    ...(Array.isArray(layers) ? (layers as unknown[]) : []),
  ];
  if (!all.every(isDescriptor))
    throw contentError(`cannot copy ${digest}`, 'its manifest is not what the specification says');
  const unique = new Map(all.map((blob) => [blob.digest, blob]));
  return [...unique.values()].filter(({ mediaType }) => !FOREIGN_LAYER.test(mediaType));
}

/** The manifests that an index lists; of a manifest none. */
export function membersOf({ data, digest }: Manifest): Descriptor[] {
  const index: unknown = JSON.parse(data.toString());
  const members: unknown = isJsonObject(index) ? (index.manifests ?? []) : undefined;
  if (!Array.isArray(members) || !members.every(isDescriptor)) {
    throw contentError(`cannot copy ${digest}`, 'its index is not what the specification says');
  }
  return members;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** The data, and where one is in it. */
async function* reported(
  data: Readable,
  label: string,
  size: number,
  onProgress: (line: string) => void,
): AsyncGenerator<Buffer> {
  let done = 0;
  let told = 0;
  for await (const chunk of data as AsyncIterable<Buffer>) {
    done += chunk.length;
    if (Date.now() - told >= PROGRESS_INTERVAL) {
      told = Date.now();
      onProgress(`${label}: ${megabytes(done)} of ${megabytes(size)}`);
    }
    yield chunk;
  }
}

/**
 * Makes sure that a repository has a blob of another one: mounted where both are in the same registry, else sent
 * through unless it is there. `label` says in progress lines which one it is.
 */
export async function copyBlob(
  from: Repository,
  to: Repository,
  blob: Descriptor,
  label: string,
  what: string,
): Promise<void> {
  const { client } = to;
  client.onProgress?.(label);
  const { digest, size } = blob;
  if (client === from.client && (await mountBlob(to, from.repository, digest, what))) return;
  if (await hasBlob(to, digest, what)) return;
  const open = (): Readable => {
    const data = readBlob(from, { digest, size }, what);
    if (client.onProgress === undefined) return data;
    return Readable.from(reported(data, label, size, client.onProgress), { objectMode: false });
  };
  await pushBlob(to, { digest, size, open }, what);
}
