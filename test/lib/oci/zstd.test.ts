// SPDX-License-Identifier: GPL-2.0-only
/** Every decoder of zstd: many frames, large windows, damage, and a reader that stops. */
import { execFileSync, execSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { PassThrough, Readable, type Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import t from 'tap';
import { findProgram } from '#mpu/lib/system/program.js';
import { zstdByJavaScript, zstdByNode, zstdByProgram, zstdDecompressor, type Decompressor } from '#mpu/lib/oci/zstd.js';

const zstd = (data: Buffer, ...flags: string[]): Buffer =>
  execFileSync('zstd', ['--stdout', '--quiet', ...flags], { input: data, maxBuffer: 1 << 30 });
const skipped = Buffer.concat([Buffer.from('502a4d1804000000', 'hex'), Buffer.from('skip')]);
const parts = [randomBytes(300_000), Buffer.alloc(500_000, 'abc'), Buffer.alloc(0), randomBytes(7)];
const frames = Buffer.concat([
  skipped,
  ...parts.map((part) => zstd(part, '-3')),
  skipped,
  zstd(parts[1] ?? skipped, '--no-check'),
]);
const whole = Buffer.concat([...parts, parts[1] ?? skipped]);

/** In chunks of sizes that fall anywhere in a frame. */
function* chunksOf(data: Buffer): Generator<Buffer> {
  for (let start = 0, size = 1; start < data.length; start += size, size = (size * 7) % 65_521) {
    yield data.subarray(start, start + size);
  }
}
const unpack = (decompress: Decompressor, data: Buffer): Promise<Buffer> =>
  buffer(decompress(Readable.from(chunksOf(data)) as AsyncIterable<Buffer>));

const program = (await findProgram('zstd')) ?? '';
const decoders: [string, Decompressor][] = [
  ['the program', zstdByProgram(program)],
  ['JavaScript', zstdByJavaScript],
  ['the best', zstdDecompressor],
];
if ('createZstdDecompress' in zlib) {
  decoders.push(['Node.js', zstdByNode(zlib.createZstdDecompress as (options: object) => Duplex)]);
}

for (const [name, decompress] of decoders) {
  await t.test(`by ${name}`, async (t) => {
    t.ok((await unpack(decompress, frames)).equals(whole), 'many frames, some skipped');
    t.equal((await unpack(decompress, skipped)).length, 0);
    await t.rejects(unpack(decompress, frames.subarray(0, 200_000)), { message: 'its zstd data ends too early' });
    await t.rejects(unpack(decompress, Buffer.concat([frames, Buffer.from('else')])), {
      message: /zstd data is damaged/,
    });
    const damaged = Buffer.from(zstd(Buffer.alloc(200_000, 'some text '), '-3'));
    damaged.writeUInt8(damaged.readUInt8(damaged.length - 6) ^ 0xff, damaged.length - 6);
    // Layers have digests, so that a decoder need not check sums.
    if (decompress !== zstdByJavaScript) await t.rejects(unpack(decompress, damaged));
    const wide = execSync('head -c 2000000 /dev/zero | zstd --ultra --long=30 --stdout --quiet', {
      maxBuffer: 1 << 28,
    });
    await t.rejects(unpack(decompress, wide), { message: /needs 1024 MiB of memory, more than the 512 MiB/ });
    for await (const chunk of decompress(Readable.from([frames]))) {
      t.ok(chunk.length > 0, 'a reader that stops');
      break;
    }
  });
}

await t.test('a window of 512 MiB', async (t) => {
  const wide = execSync('head -c 3000000 /dev/zero | zstd --ultra --long=29 --stdout --quiet', { maxBuffer: 1 << 28 });
  t.equal((await unpack(zstdDecompressor, wide)).length, 3_000_000, 'by the decoder that this machine uses');
});

await t.test('a program that fails says why', async (t) => {
  const fake = join(t.testdir(), 'zstd');
  await writeFile(fake, '#!/bin/sh\necho "zstd: out of paper" >&2; exit 1\n', { mode: 0o755 });
  await t.rejects(unpack(zstdByProgram(fake), frames), { message: 'zstd failed: zstd: out of paper' });
  await t.rejects(unpack(zstdByProgram('/nonexistent'), frames), { code: 'ENOENT' });
});

await t.test('one frame to a decoder, because that of Node.js ends after it', async (t) => {
  const given: Buffer[][] = [];
  const create = (): Duplex => {
    const seen: Buffer[] = [];
    given.push(seen);
    return new PassThrough().on('data', (chunk: Buffer) => seen.push(chunk));
  };
  const passed = await unpack(zstdByNode(create), frames);
  t.equal(given.length, 5);
  t.equal(passed.length, frames.length - 2 * skipped.length);
});
