// SPDX-License-Identifier: GPL-2.0-only
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import type { Descriptor } from '#mpu/lib/oci/descriptor.js';
import { LayerCache } from '#mpu/lib/oci/layer-cache.js';
import { LayeredFiles } from '#mpu/lib/oci/layered-files.js';
import { TinyLayout, debianLayer, tinyTar, type TinyLayer } from '../../support/tiny-layout.js';

/** An image whose openings of layers are counted. */
class Counted {
  opened = 0;
  readonly layout: TinyLayout;
  readonly cache: LayerCache;
  readonly directory: string;
  layers: Descriptor[] = [];

  constructor(t: Test) {
    const root = t.testdir();
    this.layout = new TinyLayout(join(root, 'layout'));
    this.directory = join(root, 'cache');
    this.cache = new LayerCache(this.directory);
  }

  async add(layer: TinyLayer, compress: (data: Buffer) => Buffer = gzipSync): Promise<void> {
    this.layers.push(await this.layout.blob(compress(await tinyTar(layer)), 'layer'));
  }

  files(): LayeredFiles {
    const openLayer = (layer: Descriptor): Promise<ReturnType<TinyLayout['layerData']>> => {
      this.opened += 1;
      return Promise.resolve(this.layout.layerData(layer));
    };
    return new LayeredFiles({ openLayer }, this.layers, {}, this.cache);
  }

  /** How many layers a question makes it open. */
  async cost(question: (files: LayeredFiles) => Promise<unknown>): Promise<number> {
    const before = this.opened;
    await question(this.files());
    return this.opened - before;
  }
}

const preload = (files: LayeredFiles): Promise<unknown> => files.readFile('/etc/ld.so.preload');

await t.test('a layer is read once in its life', async (t) => {
  const image = new Counted(t);
  await image.add(debianLayer);
  await image.add({ 'etc/ld.so.preload': '/a.so', 'opt/big': 'x'.repeat(100_000) });
  t.equal(await image.cost(preload), 2);
  t.equal(await image.cost(preload), 0);
  t.equal(
    await image.cost((files) => files.loader('/lib64/ld-linux-x86-64.so.2')),
    0,
    'the same reading answers all that is usual',
  );
  t.equal(await image.cost((files) => files.digest('/usr/lib/mpu/lib/libmpu.so')), 0);
  t.equal((await image.files().readFile('/etc/ld.so.preload'))?.toString(), '/a.so');
  await image.add({ 'etc/.wh.ld.so.preload': '' });
  t.equal(await image.cost(preload), 1, 'only the new one');
  t.equal(await image.files().readFile('/etc/ld.so.preload'), undefined);
  const sizes = await Promise.all(
    (await readdir(image.directory)).map(async (name) => (await readFile(join(image.directory, name))).length),
  );
  t.equal(sizes.length, 3);
  t.ok(
    sizes.every((size) => size < 2000),
    `a cache is small: ${sizes.join(', ')} bytes`,
  );
});

await t.test('what is unusual is read for once, and then known', async (t) => {
  const image = new Counted(t);
  await image.add({ 'etc/ld.so.preload': '-> /srv/deep/er/preload.conf', 'srv/deep/er/preload.conf': '/deep.so' });
  await image.add({ 'srv/': null });
  t.equal((await image.files().readFile('/etc/ld.so.preload'))?.toString(), '/deep.so');
  t.equal(await image.cost(preload), 0);
  await image.add({ 'srv/.wh.deep': '' });
  t.equal(await image.files().readFile('/etc/ld.so.preload'), undefined);
});

await t.test('a cache that cannot be used', async (t) => {
  const image = new Counted(t);
  await image.add(debianLayer);
  await image.cost(preload);
  const [name = ''] = await readdir(image.directory);
  for (const content of ['', '{', '{"format":0}', '{"format":2}']) {
    await writeFile(join(image.directory, name), content);
    t.equal(await image.cost(preload), 1, JSON.stringify(content));
  }
  const nowhere = new LayeredFiles(
    { openLayer: (layer) => Promise.resolve(image.layout.layerData(layer)) },
    image.layers,
    {},
    new LayerCache('/dev/null/x'),
  );
  t.equal(await nowhere.readFile('/etc/ld.so.preload'), undefined, 'nor one that cannot be written');
});

await t.test('only what was checked is kept', async (t) => {
  const image = new Counted(t);
  await image.add(debianLayer, (data) => data);
  t.equal(await image.cost(preload), 1);
  t.equal(await image.cost(preload), 1, 'an uncompressed layer is passed over, and its digest not checked');
  await image.add({ 'etc/x': 'x' });
  const [, gzipped] = image.layers;
  if (gzipped === undefined) throw new Error('no layer');
  image.layers = [{ ...gzipped, digest: gzipped.digest.replace(/.$/, (last) => (last === '0' ? '1' : '0')) }];
  const bytes = await readFile(join(image.layout.directory, 'blobs', 'sha256', gzipped.digest.slice(7)));
  await writeFile(join(image.layout.directory, 'blobs', 'sha256', image.layers[0]?.digest.slice(7) ?? ''), bytes);
  await t.rejects(image.cost(preload), { code: 'layer-damaged', why: /digest/ });
  t.equal((await readdir(image.directory).catch(() => [])).length, 0);
});
