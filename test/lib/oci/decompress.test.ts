// SPDX-License-Identifier: GPL-2.0-only
import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { MAGIC_SIZE, compressionOf, decompressor } from '#mpu/lib/oci/decompress.js';
import { scanLayer } from '#mpu/lib/oci/layer-scan.js';
import { Readable } from 'node:stream';
import { tinyTar } from '../../support/tiny-layout.js';

const archive = await tinyTar({ 'etc/a': 'x' });
const packed = {
  gzip: gzipSync(archive),
  zstd: execFileSync('zstd', ['--stdout', '--quiet'], { input: archive }),
  bzip2: execFileSync('bzip2', ['--stdout'], { input: archive }),
  xz: execFileSync('xz', ['--stdout'], { input: archive }),
  none: archive,
} as const;

await t.test('compressions are told by their first bytes', (t) => {
  for (const [name, data] of Object.entries(packed)) t.equal(compressionOf(data.subarray(0, MAGIC_SIZE)), name);
  for (const start of ['', 'BZ', 'BZh.txt', '\u00fd7zX']) t.equal(compressionOf(Buffer.from(start, 'latin1')), 'none');
  t.end();
});

await t.test('one that mpu does not read is named', async (t) => {
  for (const name of ['bzip2', 'xz'] as const) {
    t.throws(() => decompressor(name), { message: `it is compressed with ${name}; mpu reads gzip and zstd` });
    const data = packed[name];
    const layer = { size: data.length, digest: undefined, content: Readable.from([data]) };
    await t.rejects(
      scanLayer(layer, 'L', () => undefined),
      {
        code: 'layer-unsupported',
        why: `it is compressed with ${name}; mpu reads gzip and zstd`,
        next: /^copy it with gzip/,
      },
    );
  }
});
