// SPDX-License-Identifier: GPL-2.0-only
import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import type { Descriptor } from '#mpu/lib/oci/descriptor.js';
import { LayeredFiles, type LayerOptions } from '#mpu/lib/oci/layered-files.js';
import { TinyLayout, tinyTar, type TinyLayer } from '../../support/tiny-layout.js';

async function open(t: Test, layers: TinyLayer[], compress = (data: Buffer): Buffer => data): Promise<LayeredFiles> {
  const layout = new TinyLayout(t.testdir());
  const blobs = [];
  for (const layer of layers) blobs.push(await layout.blob(compress(await tinyTar(layer)), 'layer'));
  return filesOf(layout, blobs);
}

function filesOf(layout: TinyLayout, blobs: Descriptor[], options: LayerOptions = {}): LayeredFiles {
  return new LayeredFiles({ openLayer: (blob) => Promise.resolve(layout.layerData(blob)) }, blobs, options);
}

const read = async (files: LayeredFiles, path: string): Promise<string | undefined> =>
  (await files.readFile(path))?.toString();

await t.test('the top layer that has a file counts', async (t) => {
  const files = await open(t, [{ 'etc/ld.so.preload': 'low', 'etc/x': 'x' }, { './etc/ld.so.preload': 'high' }]);
  t.equal(await read(files, '/etc/ld.so.preload'), 'high');
  t.equal(await read(files, '/etc/x'), 'x', 'a file whose contents were not kept at first');
  t.equal(await read(files, '/etc/none'), undefined);
});

await t.test('whiteouts', async (t) => {
  const low = { 'etc/ld.so.preload': 'low' };
  t.equal(await read(await open(t, [low, { 'etc/.wh.ld.so.preload': '' }]), '/etc/ld.so.preload'), undefined);
  t.equal(await read(await open(t, [low, { '.wh.etc': '' }]), '/etc/ld.so.preload'), undefined, 'of the directory');
  t.equal(await read(await open(t, [low, { 'etc/.wh..wh..opq': '' }]), '/etc/ld.so.preload'), undefined, 'opaque');
  t.equal(await read(await open(t, [low, { etc: 'a file' }]), '/etc/ld.so.preload'), undefined, 'replaced');
  t.equal(await read(await open(t, [low, { 'etc/.wh.x': '' }]), '/etc/ld.so.preload'), 'low', 'of something else');
  const again = [low, { 'etc/.wh.ld.so.preload': '' }, { 'etc/ld.so.preload': 'again' }];
  t.equal(await read(await open(t, again), '/etc/ld.so.preload'), 'again');
  const same = [low, { 'etc/.wh..wh..opq': '', 'etc/ld.so.preload': 'new' }];
  t.equal(await read(await open(t, same), '/etc/ld.so.preload'), 'new', 'opaque and new in one layer');
});

await t.test('links', async (t) => {
  const files = await open(t, [
    { 'usr/lib/a/ld-x.so': 'loader', 'usr/lib/a/hard.so': '=> usr/lib/a/ld-x.so', 'usr/lib64/': null },
    { lib: '-> usr/lib', lib64: '-> /usr/lib64', 'usr/lib64/ld.so': '-> ../../lib/a/ld-x.so', loop: '-> loop' },
    { up: '-> ../../../usr/lib/a/ld-x.so' },
  ]);
  t.equal(await read(files, '/lib64/ld.so'), 'loader');
  t.equal(await read(files, '/lib/a/hard.so'), 'loader');
  t.equal(await read(files, '/up'), 'loader', 'not out of the image');
  t.equal(await files.realPath('/lib/none/x'), '/usr/lib/none/x');
  await t.rejects(files.readFile('/loop'), { code: 'image-unusual', why: /loop/ });
  await t.rejects(files.readFile('/usr/lib64'), { code: 'image-unusual', why: /no regular file/ });
});

await t.test('compression is told by the bytes', async (t) => {
  const layers = [{ 'etc/ld.so.preload': 'x' }];
  t.equal(await read(await open(t, layers, gzipSync), '/etc/ld.so.preload'), 'x');
  const zstd = (data: Buffer): Buffer => execFileSync('zstd', ['--stdout', '-19'], { input: data });
  t.equal(await read(await open(t, layers, zstd), '/etc/ld.so.preload'), 'x');
  const inFrames = (data: Buffer): Buffer =>
    Buffer.concat([
      Buffer.from('502a4d1804000000abcdefab', 'hex'),
      zstd(data.subarray(0, 100)),
      zstd(data.subarray(100)),
    ]);
  t.equal(await read(await open(t, layers, inFrames), '/etc/ld.so.preload'), 'x', 'several frames, one to be skipped');
});

await t.test('damaged layers', async (t) => {
  const cut = await open(t, [{ 'etc/x': 'x'.repeat(5000) }], (data) => gzipSync(data).subarray(0, 40));
  await t.rejects(cut.readFile('/etc/x'), { name: 'MpuError' });
  const noise = await open(t, [{ a: 'b' }], () => Buffer.alloc(2048, 'noise'));
  await t.rejects(noise.readFile('/etc/x'), { code: 'layer-damaged' });
  const files = filesOf(new TinyLayout(t.testdir()), [
    { mediaType: 'layer', digest: `sha256:${'0'.repeat(64)}`, size: 1 },
  ]);
  await t.rejects(files.readFile('/etc/x'), { name: 'MpuError', why: /ENOENT/ });
});

await t.test('an interrupt stops the reading', async (t) => {
  const layout = new TinyLayout(t.testdir());
  const blob = await layout.blob(await tinyTar({ a: 'b' }), 'layer');
  const files = filesOf(layout, [blob], { signal: AbortSignal.abort('SIGTERM') });
  await t.rejects(files.readFile('/a'), { code: 'interrupted', exitCode: 143 });
});
