// SPDX-License-Identifier: GPL-2.0-only
/** Bytes that are read from their beginning to their end, parts of which can be passed over. */
import type { FileHandle } from 'node:fs/promises';

/** Reads on. */
export interface ByteSource {
  /** The next `size` bytes; fewer at the end. Valid until the next call. */
  read(size: number): Promise<Buffer>;
  /** Passes over `size` bytes; false when they are not all there. */
  skip(size: number): Promise<boolean>;
}

/** Bytes that arrive in chunks. */
export class ChunkSource implements ByteSource {
  readonly #chunks: AsyncIterator<Buffer, unknown>;
  #chunk: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async read(size: number): Promise<Buffer> {
    if (this.#chunk.length >= size) return this.#take(size);
    const parts: Buffer[] = [];
    let missing = size;
    while (missing > 0 && (this.#chunk.length > 0 || (await this.#next()))) {
      const part = this.#take(missing);
      missing -= part.length;
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  async skip(size: number): Promise<boolean> {
    let missing = size;
    while (missing > 0 && (this.#chunk.length > 0 || (await this.#next()))) missing -= this.#take(missing).length;
    return missing === 0;
  }

  async #next(): Promise<boolean> {
    const result = await this.#chunks.next();
    if (result.done === true) return false;
    this.#chunk = result.value;
    return true;
  }

  #take(size: number): Buffer {
    const part = this.#chunk.subarray(0, size);
    this.#chunk = this.#chunk.subarray(part.length);
    return part;
  }
}

const WINDOW_SIZE = 64 * 1024;

/** A part of a file. What is passed over is not read. */
export class FileSource implements ByteSource {
  readonly #buffer = Buffer.alloc(WINDOW_SIZE);
  /** What of the buffer is read but not taken. */
  #window: Buffer = Buffer.alloc(0);
  /** Where in the file the window ends. */
  #position: number;
  readonly #end: number;

  constructor(
    private readonly file: FileHandle,
    offset: number,
    size: number,
  ) {
    this.#position = offset;
    this.#end = offset + size;
  }

  async read(size: number): Promise<Buffer> {
    if (this.#window.length < size) await this.#fill(size);
    const part = this.#window.subarray(0, size);
    this.#window = this.#window.subarray(part.length);
    return part;
  }

  skip(size: number): Promise<boolean> {
    const inWindow = Math.min(size, this.#window.length);
    this.#window = this.#window.subarray(inWindow);
    this.#position += size - inWindow;
    return Promise.resolve(this.#position <= this.#end);
  }

  /** Makes the window hold `size` bytes, as far as the file goes. */
  async #fill(size: number): Promise<void> {
    const kept = Buffer.from(this.#window);
    const buffer = size > WINDOW_SIZE ? Buffer.alloc(size) : this.#buffer;
    kept.copy(buffer);
    let length = kept.length;
    while (length < size && this.#position < this.#end) {
      const wanted = Math.min(buffer.length - length, this.#end - this.#position);
      const { bytesRead } = await this.file.read(buffer, length, wanted, this.#position);
      if (bytesRead === 0) break;
      length += bytesRead;
      this.#position += bytesRead;
    }
    this.#window = buffer.subarray(0, length);
  }
}
