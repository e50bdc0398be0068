// SPDX-License-Identifier: GPL-2.0-only
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { extract } from 'tar-stream';
import { Readable } from 'node:stream';
import { gzipStored, packLayer } from '#mpu/lib/oci/pack-layer.js';
import type { LayerEntry } from '#mpu/lib/payload/layer-entry.js';

const entries: LayerEntry[] = [
  { type: 'file', path: 'usr/lib/mpu/lib/a.so', data: Buffer.from('library') },
  { type: 'symlink', path: 'usr/lib/mpu/lib64', target: 'lib' },
  { type: 'directory', path: 'usr/lib/mpu/lib' },
  { type: 'directory', path: 'usr/lib/mpu' },
];

await t.test('a layer is sorted, owned by root and of the time that was asked for', async (t) => {
  const archive = await packLayer(entries, 1700000000);
  const headers = [];
  for await (const entry of Readable.from([archive]).pipe(extract())) {
    headers.push(entry.header);
    entry.resume();
  }
  t.same(
    headers.map(({ name, type, mode }) => [name, type, mode]),
    [
      ['usr/lib/mpu/', 'directory', 0o755],
      ['usr/lib/mpu/lib/', 'directory', 0o755],
      ['usr/lib/mpu/lib/a.so', 'file', 0o644],
      ['usr/lib/mpu/lib64', 'symlink', 0o777],
    ],
  );
  t.ok(headers.every(({ uid, gid, uname, gname }) => uid === 0 && gid === 0 && uname === '' && gname === ''));
  t.ok(headers.every(({ mtime }) => mtime.getTime() === 1700000000000));
});

await t.test('the same entries give the same bytes, whatever their order', async (t) => {
  const first = gzipStored(await packLayer(entries, 0));
  const second = gzipStored(await packLayer([...entries].reverse(), 0));
  t.ok(first.equals(second));
  // Fixed here, because the digest must not change between machines and releases of Node either.
  t.equal(
    createHash('sha256').update(first).digest('hex'),
    '22d945cea446c3e45f1c8a32175a80c5fc11795bf0ac6cf1ae5e3b90b72aaf24',
  );
});

await t.test('the gzip stream holds the data, whatever its size', (t) => {
  for (const size of [0, 1, 0xfffe, 0xffff, 0x10000, 3 * 0xffff, 200_000]) {
    const data = Buffer.alloc(size, 'mpu');
    t.ok(gunzipSync(gzipStored(data)).equals(data), `${size} bytes`);
  }
  t.same([...gzipStored(Buffer.from('x')).subarray(0, 10)], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
  t.end();
});
