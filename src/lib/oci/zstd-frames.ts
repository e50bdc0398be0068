// SPDX-License-Identifier: GPL-2.0-only
/** The frames of zstd data (RFC 8878), so that decoders for one frame can be used and large windows are refused early. */
import { ChunkSource } from './byte-source.js';

/** The most memory that one frame may need. The zstd decoder of docker and podman has the same limit. */
export const MAX_WINDOW_LOG = 29;

const MAGIC = 0xfd2fb528;
const RLE_BLOCK = 1;

/** Returns true for the number that a frame to be skipped begins with. */
function isSkippable(magic: number): boolean {
  return (magic & 0xfffffff0) >>> 0 === 0x184d2a50;
}

/** Returns true for the number that zstd data begins with; the first frame may be a skippable one. */
export function isZstd(magic: number): boolean {
  return magic === MAGIC || isSkippable(magic);
}

class FrameReader {
  readonly #source: ChunkSource;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#source = new ChunkSource(chunks);
  }

  /** Reads to the beginning of the next frame with content; returns false at the end. */
  async next(): Promise<boolean> {
    for (;;) {
      const start = await this.#source.read(4);
      if (start.length === 0) return false;
      const magic = start.length < 4 ? 0 : start.readUInt32LE();
      if (magic === MAGIC) return true;
      if (!isSkippable(magic)) throw new Error('its zstd data is damaged');
      const size = (await this.#read(4)).readUInt32LE();
      if (!(await this.#source.skip(size))) throw new Error('its zstd data ends too early');
    }
  }

  /** The frame that {@link next} found, in parts. */
  async *frame(): AsyncGenerator<Buffer> {
    const magic = Buffer.alloc(4);
    magic.writeUInt32LE(MAGIC);
    const first = Buffer.from(await this.#read(1));
    const flags = first[0] ?? 0;
    const isSingle = (flags & 0x20) !== 0;
    const dictionarySize = [0, 1, 2, 4][flags & 3] ?? 0;
    const contentSize = [isSingle ? 1 : 0, 2, 4, 8][flags >> 6] ?? 0;
    const rest = await this.#read((isSingle ? 0 : 1) + dictionarySize + contentSize);
    const window = isSingle ? contentSizeOf(rest.subarray(dictionarySize)) : windowOf(rest[0] ?? 0);
    if (window > 2 ** MAX_WINDOW_LOG) {
      throw new Error(
        `its zstd data needs ${Math.ceil(window / 2 ** 20)} MiB of memory, more than the ${2 ** (MAX_WINDOW_LOG - 20)} MiB ` +
          'that docker and podman allow; compress it without --long, or with --long=29 at most',
      );
    }
    yield Buffer.concat([magic, first, rest]);
    for (let isLast = false; !isLast;) {
      const header = Buffer.from(await this.#read(3));
      const value = header.readUIntLE(0, 3);
      isLast = (value & 1) === 1;
      yield header;
      yield await this.#read(((value >> 1) & 3) === RLE_BLOCK ? 1 : value >> 3);
    }
    if ((flags & 4) !== 0) yield await this.#read(4);
  }

  async #read(size: number): Promise<Buffer> {
    const data = await this.#source.read(size);
    if (data.length < size) throw new Error('its zstd data ends too early');
    return data;
  }
}

/** The size of a window, from its exponent and mantissa. */
function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

/** A frame in a single segment needs all of its content in memory. */
function contentSizeOf(field: Buffer): number {
  if (field.length === 8) return Number(field.readBigUInt64LE());
  return field.readUIntLE(0, field.length) + (field.length === 2 ? 256 : 0);
}

/** Splits zstd data into its frames. Each is read to its end before the next one. */
export async function* zstdFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<AsyncGenerator<Buffer>> {
  const reader = new FrameReader(chunks);
  while (await reader.next()) yield reader.frame();
}
