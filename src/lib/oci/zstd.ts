// SPDX-License-Identifier: GPL-2.0-only
/** Decompressing zstd: by Node.js from 22.15 on, else by the `zstd` program, else in JavaScript, which is slow. */
import { spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';
import { Decompress } from 'fzstd';
import { findProgram } from '../system/program.js';
import { MAX_WINDOW_LOG, zstdFrames } from './zstd-frames.js';

/** fzstd recurses once a frame in the data of one call, and zstd:chunked layers have many small ones. */
const SLICE_SIZE = 16 * 1024;
const MAX_STDERR = 4096;
/** ZSTD_d_windowLogMax (zstd.h). */
const WINDOW_LOG_MAX = 100;

/** Decompresses one stream of data. */
export type Decompressor = (chunks: AsyncIterable<Buffer>) => AsyncGenerator<Buffer>;

/** Returns the data after a stream that transforms it. */
export async function* through(chunks: AsyncIterable<Buffer>, transform: Duplex): AsyncGenerator<Buffer> {
  const feeding = pipeline(chunks, transform);
  feeding.catch(() => undefined);
  try {
    yield* transform as AsyncIterable<Buffer>;
    await feeding;
  } finally {
    transform.destroy();
  }
}

/** By Node.js. Its decoder ends after one frame, so each frame gets its own. */
export function zstdByNode(create: (options: object) => Duplex): Decompressor {
  return async function* (chunks) {
    for await (const frame of zstdFrames(chunks)) {
      yield* through(frame, create({ params: { [WINDOW_LOG_MAX]: MAX_WINDOW_LOG } }));
    }
  };
}

async function* flat(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const frame of zstdFrames(chunks)) yield* frame;
}

/** By the program at `path`, in a session of its own: Ctrl-C at a terminal ends mpu, which then ends the program. */
export function zstdByProgram(path: string): Decompressor {
  return async function* (chunks) {
    const content = flat(chunks);
    // The program takes no content for an error.
    const first = await content.next();
    if (first.done === true) return;
    const start = first.value;
    const all = async function* (): AsyncGenerator<Buffer> {
      yield start;
      yield* content;
    };
    const args = ['--decompress', '--stdout', '--quiet', `--memory=${2 ** (MAX_WINDOW_LOG - 20)}MiB`, '-'];
    const child = spawn(path, args, { detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => (stderr = (stderr + data.toString()).slice(-MAX_STDERR)));
    const ended = new Promise<void>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (status) => {
        if (status === 0) resolve();
        else reject(new Error(`zstd failed: ${stderr.trim() || 'it was killed'}`));
      });
    });
    ended.catch(() => undefined);
    let cause: unknown;
    const feeding = pipeline(all, child.stdin).catch((error: unknown) => {
      cause = error;
      child.kill('SIGKILL');
    });
    try {
      yield* child.stdout as AsyncIterable<Buffer>;
      await feeding;
      // A program that fails closes its input, which tells less than its own message.
      await ended.catch((error: unknown) => {
        throw isBrokenPipe(cause) ? error : (cause ?? error);
      });
    } finally {
      child.kill('SIGKILL');
    }
  };
}

function isBrokenPipe(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && ['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes(String(error.code))
  );
}

/** In JavaScript. */
export const zstdByJavaScript: Decompressor = async function* (chunks) {
  const out: Uint8Array[] = [];
  const inflate = new Decompress((chunk) => out.push(chunk));
  const taken = (): Buffer[] => out.splice(0).map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength));
  for await (const chunk of flat(chunks)) {
    for (let start = 0; start < chunk.length; start += SLICE_SIZE)
      inflate.push(chunk.subarray(start, start + SLICE_SIZE));
    yield* taken();
  }
  inflate.push(new Uint8Array(0), true);
  yield* taken();
};

/** Chooses the fastest decompressor that this machine has. */
export const zstdDecompressor: Decompressor = async function* (chunks) {
  if ('createZstdDecompress' in zlib && typeof zlib.createZstdDecompress === 'function') {
    yield* zstdByNode(zlib.createZstdDecompress as (options: object) => Duplex)(chunks);
    return;
  }
  const program = await findProgram('zstd');
  yield* (program === undefined ? zstdByJavaScript : zstdByProgram(program))(chunks);
};
