// SPDX-License-Identifier: GPL-2.0-only
/** Reading blobs out of a registry. */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { Repository } from './client.js';
import { atDigest, digester } from './digest.js';
import { RegistryError, connectionError, contentError } from './errors.js';
import { withRetries } from './retry.js';

/** How often a connection may break during one blob. */
const MAX_BREAKS = 10;

/** What a blob has to be. */
export interface BlobName {
  digest: string;
  /** In bytes. */
  size: number;
}

/** Whether a repository has a blob. */
export async function hasBlob({ client, repository }: Repository, digest: string, what: string): Promise<boolean> {
  const request = { method: 'HEAD', at: atDigest('blobs', digest, what), repository, what } as const;
  const answer = await withRetries(() => client.call(request, [200, 404]), client.signal, client.onProgress);
  answer.resume();
  return answer.statusCode === 200;
}

/** Opens a blob at an offset. */
async function openAt(target: Repository, digest: string, offset: number, what: string): Promise<IncomingMessage> {
  const { client, repository } = target;
  const headers = offset === 0 ? {} : { Range: `bytes=${offset}-` };
  const request = { method: 'GET', at: `blobs/${digest}`, repository, headers, what } as const;
  const answer = await withRetries(() => client.call(request, [200, 206]), client.signal, client.onProgress);
  const start =
    answer.statusCode === 206 ? Number(/^bytes (\d+)-/.exec(answer.headers['content-range'] ?? '')?.[1]) : 0;
  if (start === 0 || start === offset) return answer;
  answer.destroy();
  throw contentError(what, `${client.host} gave another part of ${digest} than the one asked for`);
}

async function* chunksOf(target: Repository, { digest, size }: BlobName, what: string): AsyncGenerator<Buffer> {
  const { client } = target;
  const computing = digester(digest, what);
  let offset = 0;
  for (let breaks = 0; offset < size;) {
    const answer = await openAt(target, digest, offset, what);
    // Servers that know no ranges begin again.
    let skip = answer.statusCode === 206 ? 0 : offset;
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        const fresh = chunk.subarray(Math.min(skip, chunk.length));
        skip -= chunk.length - fresh.length;
        offset += fresh.length;
        if (offset > size) throw contentError(what, `${client.host} gave more than the ${size} bytes of ${digest}`);
        computing.hash.update(fresh);
        if (fresh.length > 0) yield fresh;
      }
      if (offset === size) break;
      throw contentError(what, `${client.host} gave ${offset} of the ${size} bytes of ${digest}`, { transient: true });
    } catch (error) {
      const failure = connectionError(error, what, client.host, client.signal);
      breaks += 1;
      if (!(failure instanceof RegistryError) || !failure.transient || breaks > MAX_BREAKS) throw failure;
    } finally {
      answer.destroy();
    }
  }
  if (computing.hash.digest('hex') !== computing.expected) {
    throw contentError(what, `what ${client.host} gave for ${digest} does not have that digest`);
  }
}

/**
 * The data of a blob. Where the connection breaks it goes on from there. The stream fails at its end when size or
 * digest are not what they have to be: what was read until then must not be used before.
 */
export function readBlob(target: Repository, blob: BlobName, what: string): Readable {
  return Readable.from(chunksOf(target, blob, what), { objectMode: false });
}
