// SPDX-License-Identifier: GPL-2.0-only
/** Decompressing layers: gzip, zstd or neither, told by the first bytes. Media types are not always right. */
import { Transform, type Duplex } from 'node:stream';
import * as zlib from 'node:zlib';
import { Decompress } from 'fzstd';

const CHUNK_SIZE = 256 * 1024;
/** fzstd recurses once a frame in what it is given, and zstd:chunked layers have many small ones. */
const ZSTD_SLICE = 16 * 1024;

/** How many first bytes {@link compressionOf} looks at. */
export const MAGIC_SIZE = 4;

/** How a layer is compressed. */
export type Compression = 'gzip' | 'zstd' | 'none';

/** The compression of bytes that begin like this (RFC 1952, RFC 8878; a zstd file may begin with a skippable frame). */
export function compressionOf(start: Buffer): Compression {
  if (start.length < MAGIC_SIZE) return 'none';
  if (start.readUInt16BE(0) === 0x1f8b) return 'gzip';
  const magic = start.readUInt32LE(0);
  return magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50 ? 'zstd' : 'none';
}

/** zstd in JavaScript, for releases of Node.js before 22.15. */
function zstdTransform(): Transform {
  const out: Uint8Array[] = [];
  const inflate = new Decompress((chunk) => out.push(chunk));
  const push = (stream: Transform, chunk: Uint8Array, isLast: boolean): Error | null => {
    try {
      for (let start = 0; start < chunk.length || (isLast && start === 0); start += ZSTD_SLICE) {
        inflate.push(chunk.subarray(start, start + ZSTD_SLICE), isLast);
      }
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
    for (const part of out.splice(0)) stream.push(Buffer.from(part.buffer, part.byteOffset, part.byteLength));
    return null;
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, callback): void {
      callback(push(this, chunk, false));
    },
    flush(callback): void {
      callback(push(this, new Uint8Array(0), true));
    },
  });
}

/** A stream that decompresses. */
export function decompressor(compression: 'gzip' | 'zstd'): Duplex {
  if (compression === 'gzip') return zlib.createGunzip({ chunkSize: CHUNK_SIZE });
  if ('createZstdDecompress' in zlib && typeof zlib.createZstdDecompress === 'function') {
    return (zlib.createZstdDecompress as () => Duplex)();
  }
  return zstdTransform();
}
