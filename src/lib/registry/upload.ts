// SPDX-License-Identifier: GPL-2.0-only
/** Writing blobs into a registry (distribution-spec, "Pushing blobs"). */
import type { Readable } from 'node:stream';
import type { Repository } from './client.js';
import type { BlobName } from './download.js';
import { RegistryError, contentError } from './errors.js';
import { withRetries } from './retry.js';

/** Size of the pieces for a registry that takes no blob in one. */
const CHUNK_SIZE = 8 * 1024 * 1024;
/** The largest smallest piece that a registry may ask for: pieces are held in memory. */
const MAX_PIECE = 128 * 1024 * 1024;
/** Answers to a whole blob after which it is tried in pieces. */
const TRY_CHUNKS = [400, 404, 405, 411, 413, 415, 416, 501];
/** A blob and its data, which may be asked for more than once. */
export interface BlobSource extends BlobName {
  open: () => Readable | Buffer;
}

/** A started upload: where its data goes. */
interface Session {
  url: URL;
  /** Smallest piece that the registry takes, in bytes. */
  smallest: number;
}

const OCTETS = { 'Content-Type': 'application/octet-stream' };

async function start({ client, repository }: Repository, what: string): Promise<Session> {
  const at = client.address(repository, 'blobs/uploads/');
  const answer = await client.call(
    { method: 'POST', at, repository, push: true, headers: { 'Content-Length': 0 }, what },
    [202],
  );
  answer.resume();
  const smallest = Number(answer.headers['oci-chunk-min-length'] ?? 0);
  if (smallest > MAX_PIECE) throw contentError(what, `${client.host} wants pieces of at least ${smallest} bytes`);
  return { url: client.located(answer, what), smallest: Number.isSafeInteger(smallest) ? smallest : 0 };
}

/** The address at which an upload ends. The registry's own parameters stay as they are written. */
function closing(url: URL, digest: string): URL {
  const closed = new URL(url);
  closed.search += `${closed.search === '' ? '?' : '&'}digest=${encodeURIComponent(digest)}`;
  return closed;
}

async function putWhole(target: Repository, blob: BlobSource, what: string): Promise<void> {
  const { client, repository } = target;
  const session = await start(target, what);
  const at = closing(session.url, blob.digest);
  const request = { method: 'PUT', at, repository, push: true, headers: OCTETS, body: blob, what } as const;
  const answer = await client.call(request, [200, 201, 204]);
  answer.resume();
}

/** The data in pieces of `size` bytes, the last one shorter. */
async function* pieces(data: Readable | Buffer, size: number): AsyncGenerator<Buffer> {
  let kept: Buffer[] = [];
  let length = 0;
  for await (const part of Buffer.isBuffer(data) ? [data] : (data as AsyncIterable<Buffer>)) {
    let rest = part;
    while (length + rest.length >= size) {
      yield Buffer.concat([...kept, rest.subarray(0, size - length)]);
      rest = rest.subarray(size - length);
      kept = [];
      length = 0;
    }
    kept.push(rest);
    length += rest.length;
  }
  if (length > 0) yield Buffer.concat(kept);
}

async function putInPieces(target: Repository, blob: BlobSource, what: string): Promise<void> {
  const { client, repository } = target;
  const session = await start(target, what);
  let { url } = session;
  let offset = 0;
  for await (const piece of pieces(blob.open(), Math.max(CHUNK_SIZE, session.smallest))) {
    const end = offset + piece.length;
    const headers = { ...OCTETS, 'Content-Range': `${offset}-${end - 1}` };
    const body = { size: piece.length, open: () => piece };
    const answer = await client.call(
      { method: 'PATCH', at: url, repository, push: true, headers, body, what },
      [202, 204],
    );
    answer.resume();
    url = client.located(answer, what);
    offset = end;
  }
  const at = closing(url, blob.digest);
  const request = { method: 'PUT', at, repository, push: true, headers: { 'Content-Length': 0 }, what } as const;
  const answer = await client.call(request, [200, 201, 204]);
  answer.resume();
  const given = answer.headers['docker-content-digest'];
  if (given !== undefined && given !== blob.digest) {
    throw contentError(what, `${client.host} keeps it as ${String(given)} instead of ${blob.digest}`);
  }
}

/** Writes a blob: in one request or, where the registry or a proxy before it refuses that, in pieces. */
export async function pushBlob(target: Repository, blob: BlobSource, what: string): Promise<void> {
  let whole = true;
  await withRetries(
    async () => {
      try {
        if (whole) await putWhole(target, blob, what);
      } catch (error) {
        if (!(error instanceof RegistryError)) throw error;
        // Some proxies break the connection instead of saying that it is too much.
        const isBroken = error.status === undefined && error.transient && blob.size > CHUNK_SIZE;
        const isRefused = error.status !== undefined && TRY_CHUNKS.includes(error.status);
        if (isBroken || isRefused) whole = false;
        if (!isRefused) throw error;
      }
      if (!whole) await putInPieces(target, blob, what);
    },
    target.client.signal,
    target.client.onProgress,
  );
}

/** Gives a repository a blob of another one of the same registry, without moving its data; false when refused. */
export async function mountBlob(target: Repository, from: string, digest: string, what: string): Promise<boolean> {
  const { client, repository } = target;
  const query = `mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(from)}`;
  const at = client.address(repository, `blobs/uploads/?${query}`);
  const request = { method: 'POST', at, repository, push: true, from, headers: { 'Content-Length': 0 }, what } as const;
  try {
    const answer = await withRetries(() => client.call(request, [201, 202]), client.signal, client.onProgress);
    answer.resume();
    if (answer.statusCode === 201) return true;
    // Refused by starting an upload of its data, which may turn out not to be needed.
    const unused = client.located(answer, what);
    const cancel = client.call({ method: 'DELETE', at: unused, repository, push: true, what }, [200, 202, 204]);
    await cancel.then((cancelled) => cancelled.resume()).catch(() => undefined);
  } catch (error) {
    // What follows is an ordinary upload, whose errors count.
    if (!(error instanceof RegistryError) || error.status === undefined || error.status >= 500) throw error;
  }
  return false;
}
