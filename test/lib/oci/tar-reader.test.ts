// SPDX-License-Identifier: GPL-2.0-only
import { execFileSync } from 'node:child_process';
import { mkdir, open, symlink, writeFile, link } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import t from 'tap';
import { ChunkSource, FileSource, type ByteSource } from '#mpu/lib/oci/byte-source.js';
import { TarError, readTar, type TarEntry } from '#mpu/lib/oci/tar-reader.js';

/** Everything in an archive, with the data of files whose names end in `.read`. */
async function read(source: ByteSource): Promise<{ entries: TarEntry[]; data: Record<string, string> }> {
  const entries: TarEntry[] = [];
  const data: Record<string, string> = {};
  await readTar(source, async (entry, take) => {
    entries.push(entry);
    if (entry.name.endsWith('.read')) data[entry.name] = (await take()).toString();
  });
  return { entries, data };
}

const chunks = (archive: Buffer, size: number): ByteSource =>
  new ChunkSource(
    Readable.from(
      Array.from({ length: Math.ceil(archive.length / size) }, (_, n) => archive.subarray(n * size, (n + 1) * size)),
    ),
  );

const LONG = `${'long-directory-name/'.repeat(12)}${'x'.repeat(120)}`;

await t.test('archives of GNU tar, in its own format and in POSIX ones', async (t) => {
  const tree = t.testdir();
  await mkdir(join(tree, 'long-directory-name/'.repeat(12)), { recursive: true });
  await writeFile(join(tree, LONG), 'long');
  await writeFile(join(tree, 'a.read'), 'small');
  await writeFile(join(tree, 'b'), Buffer.alloc(200_000, 1));
  await writeFile(join(tree, 'c.read'), 'x'.repeat(100_000));
  await link(join(tree, 'a.read'), join(tree, 'hard'));
  await symlink('y'.repeat(150), join(tree, 'soft'));
  for (const format of ['gnu', 'posix']) {
    const flags = ['--create', `--format=${format}`, '--sort=name', '--directory', tree];
    const archive = execFileSync('tar', [...flags, '.'], { maxBuffer: 1 << 26 });
    const path = join(t.testdirName, `../${format}.tar`);
    await writeFile(path, archive);
    const file = await open(path);
    t.teardown(() => file.close());
    for (const [name, source] of [
      ['a file', new FileSource(file, 0, archive.length)],
      ['large chunks', chunks(archive, 70_000)],
      ['small chunks', chunks(archive, 100)],
    ] as const) {
      const { entries, data } = await read(source);
      const types = Object.fromEntries(entries.map((entry) => [entry.name, entry.type]));
      t.match(
        types,
        { './a.read': 'file', './hard': 'hardlink', './soft': 'symlink', [`./${LONG}`]: 'file', './': 'directory' },
        `${format}, ${name}`,
      );
      t.equal(entries.find((entry) => entry.name === './soft')?.linkName, 'y'.repeat(150));
      t.same(data, { './a.read': 'small', './c.read': 'x'.repeat(100_000) });
      const b = entries.find((entry) => entry.name === './b');
      t.ok(
        archive.subarray(b?.offset, (b?.offset ?? 0) + 200_000).equals(Buffer.alloc(200_000, 1)),
        'where the data lies',
      );
    }
  }
});

await t.test('what is no archive, or cut off', async (t) => {
  const archive = execFileSync('tar', ['--create', '--directory', t.testdir({ 'a.read': 'x'.repeat(2000) }), 'a.read']);
  for (const [name, bytes] of [
    ['noise', Buffer.alloc(4096, 'noise')],
    ['a cut header', archive.subarray(0, 300)],
    ['cut data', archive.subarray(0, 1000)],
    [
      'a flipped bit',
      Buffer.concat([
        Buffer.from([archive[0] ?? 0 ^ 1]),
        archive.subarray(1, 40),
        Buffer.from('!'),
        archive.subarray(42),
      ]),
    ],
  ] as const) {
    await t.rejects(read(chunks(bytes, 512)), TarError, name);
  }
  t.match(
    (await read(chunks(archive.subarray(0, 512 + 2000), 100))).data,
    { 'a.read': /^x{2000}$/ },
    'umoci leaves out the end',
  );
  t.same(await read(chunks(Buffer.alloc(0), 1)), { entries: [], data: {} }, 'nothing at all is an empty archive');
});

await t.test('a file is not read beyond its part', async (t) => {
  const archive = execFileSync('tar', ['--create', '--directory', t.testdir({ 'a.read': 'inner' }), 'a.read']);
  const path = join(t.testdirName, 'outer');
  await writeFile(path, Buffer.concat([Buffer.alloc(1000, 7), archive, Buffer.alloc(1000, 7)]));
  const file = await open(path);
  t.teardown(() => file.close());
  t.same((await read(new FileSource(file, 1000, archive.length))).data, { 'a.read': 'inner' });
  await t.rejects(read(new FileSource(file, 1000, 500)), TarError);
});
