// SPDX-License-Identifier: GPL-2.0-only
/** Reading a layer once, from its beginning to its end. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { MpuError, errnoName, fileError, messageOf, throwIfInterrupted } from '../errors.js';
import { ChunkSource, FileSource, type ByteSource } from './byte-source.js';
import { MAGIC_SIZE, UnsupportedCompression, compressionOf, decompressor } from './decompress.js';
import type { LayerData } from './image-store.js';
import { readTar } from './tar-reader.js';

const CHUNK_SIZE = 256 * 1024;

type Visit = Parameters<typeof readTar>[1];

/** How to read. */
export interface ScanOptions {
  signal?: AbortSignal | undefined;
  /** Told how many more bytes of the blob were read. */
  onBytes?: ((count: number) => void) | undefined;
}

/** The stream from its beginning, and its first bytes. */
async function peek(stream: Readable): Promise<{ start: Buffer; all: AsyncIterable<Buffer> }> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer, unknown>;
  let start: Buffer = Buffer.alloc(0);
  while (start.length < MAGIC_SIZE) {
    const result = await chunks.next();
    if (result.done === true) break;
    start = Buffer.concat([start, result.value]);
  }
  async function* all(): AsyncGenerator<Buffer> {
    yield start;
    yield* { [Symbol.asyncIterator]: () => chunks };
  }
  return { start, all: all() };
}

/** Reads everything, checks its digest, and gives the decompressed bytes to `read`. */
async function scanStream(
  stream: Readable,
  digest: string | undefined,
  read: (source: ByteSource) => Promise<void>,
  { signal, onBytes }: ScanOptions,
): Promise<void> {
  const { start, all } = await peek(stream);
  const compression = compressionOf(start);
  const hash = createHash(digest?.startsWith('sha512:') === true ? 'sha512' : 'sha256');
  async function* counted(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      hash.update(chunk);
      onBytes?.(chunk.length);
      yield chunk;
    }
  }
  const parse = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    const source = new ChunkSource(chunks);
    await read(source);
    // What follows the archive counts for the digest.
    await source.skip(Infinity);
  };
  const source = Readable.from(counted(all), { objectMode: false });
  const options = signal === undefined ? {} : { signal };
  if (compression === 'none') await pipeline(source, parse, options);
  else await pipeline(source, decompressor(compression), parse, options);
  const actual = hash.digest('hex');
  if (digest !== undefined && digest.split(':')[1] !== actual)
    throw new Error(`it is damaged: its digest is ${actual}`);
}

/**
 * Reads a layer, and visits its members as {@link readTar} does. Data of an uncompressed layer in a file
 * is passed over; everything else is read, and its digest is checked at the end. Resolves to whether it
 * was. Rejects with an MpuError: `layer-damaged`, or that of a file that cannot be read.
 */
export async function scanLayer(
  { content, digest, size }: LayerData,
  name: string,
  visit: Visit,
  options: ScanOptions = {},
): Promise<boolean> {
  const { signal, onBytes } = options;
  const guarded: Visit = (entry, read) => {
    throwIfInterrupted(signal);
    return visit(entry, read);
  };
  const read = (source: ByteSource): Promise<void> => readTar(source, guarded);
  try {
    if (content instanceof Readable) {
      await scanStream(content, digest, read, options);
      return digest !== undefined;
    }
    const file = await open(content.path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MAGIC_SIZE), 0, MAGIC_SIZE, content.offset);
      if (compressionOf(buffer.subarray(0, bytesRead)) === 'none') {
        await read(new FileSource(file, content.offset, size));
        onBytes?.(size);
        return false;
      }
    } finally {
      await file.close();
    }
    const range = { start: content.offset, end: content.offset + size - 1 };
    await scanStream(createReadStream(content.path, { ...range, highWaterMark: CHUNK_SIZE }), digest, read, options);
    return digest !== undefined;
  } catch (error) {
    throwIfInterrupted(signal);
    if (error instanceof MpuError) throw error;
    const what = `cannot read the layer ${name}`;
    if (error instanceof UnsupportedCompression) {
      throw new MpuError({
        code: 'layer-unsupported',
        what,
        why: error.message,
        next: 'copy it with gzip, then inject the copy: skopeo copy --dest-compress-format gzip --dest-force-compress-format IMAGE oci:DIR:TAG',
        cause: error,
      });
    }
    if (/^E[A-Z]+$/.test(errnoName(error) ?? '')) throw fileError(error, what);
    throw new MpuError({
      code: 'layer-damaged',
      what,
      why: messageOf(error),
      next: 'make or fetch the image again',
      cause: error,
    });
  }
}
