// SPDX-License-Identifier: GPL-2.0-only
/** Decompressing layers. Their compression is told by the first bytes, because media types are not always right. */
import * as zlib from 'node:zlib';
import { isZstd } from './zstd-frames.js';
import { through, zstdDecompressor, type Decompressor } from './zstd.js';

const CHUNK_SIZE = 256 * 1024;

/** How many first bytes {@link compressionOf} looks at. */
export const MAGIC_SIZE = 6;

/** How a layer is compressed. Docker and podman read bzip2 and xz, too; mpu names them. */
export type Compression = 'gzip' | 'zstd' | 'bzip2' | 'xz' | 'lz4' | 'none';

/** First bytes of other compressions. bzip2 has `BZh`, the block size and the first block's own mark. */
const OTHERS: readonly [RegExp, Compression][] = [
  [/^425a683[1-9]31/, 'bzip2'],
  [/^fd377a585a00/, 'xz'],
  [/^04224d18/, 'lz4'],
];

/** The compression of bytes that begin like this (RFC 1952, RFC 8878). */
export function compressionOf(start: Buffer): Compression {
  if (start.length < 4) return 'none';
  if (start.readUInt16BE(0) === 0x1f8b) return 'gzip';
  if (isZstd(start.readUInt32LE(0))) return 'zstd';
  const text = start.toString('hex');
  return OTHERS.find(([pattern]) => pattern.test(text))?.[1] ?? 'none';
}

/** Returns what decompresses data; throws an error that names a compression that mpu does not read. */
export function decompressor(compression: Exclude<Compression, 'none'>): Decompressor {
  switch (compression) {
    case 'gzip':
      return (chunks) => through(chunks, zlib.createGunzip({ chunkSize: CHUNK_SIZE }));
    case 'zstd':
      return zstdDecompressor;
    default:
      throw new UnsupportedCompression(compression);
  }
}

/** A compression that mpu does not read. */
export class UnsupportedCompression extends Error {
  override readonly name = 'UnsupportedCompression';

  constructor(compression: Compression) {
    super(`it is compressed with ${compression}; mpu reads gzip and zstd`);
  }
}
