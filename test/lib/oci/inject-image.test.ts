// SPDX-License-Identifier: GPL-2.0-only
import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { eject, inject, inspect, type InjectOptions, type InjectResult } from '#mpu/index.js';
import type { Descriptor, Platform } from '#mpu/lib/oci/descriptor.js';
import { LayeredFiles } from '#mpu/lib/oci/layered-files.js';
import { PRELOAD_ENTRY } from '#mpu/lib/payload/preload-file.js';
import { check } from '../../support/mpu.js';
import {
  TinyLayout,
  debianArmLayer,
  debianLayer,
  glibcLoader,
  writeStandInLibraries,
  type TinyImage,
} from '../../support/tiny-layout.js';

interface Manifest {
  mediaType: string;
  config: Descriptor;
  layers: Descriptor[];
}

interface Config {
  config: { Labels: Record<string, string>; Cmd: string[] };
  rootfs: { diff_ids: string[] };
  history: unknown[];
  'x-unknown': number;
}

const INDEX = 'application/vnd.oci.image.index.v1+json';
const libraries = t.testdir();

t.before(() => writeStandInLibraries(libraries));

async function layoutOf(t: Test, ...images: TinyImage[]): Promise<TinyLayout> {
  const layout = new TinyLayout(join(t.testdir(), 'layout'));
  const descriptors = [];
  for (const image of images) descriptors.push(await layout.image(image));
  return layout.finish(...descriptors);
}

const into = (layout: TinyLayout, tag = '', options: InjectOptions = {}): Promise<InjectResult> =>
  inject(`oci:${layout.directory}${tag === '' ? '' : `:${tag}`}`, { libraryDirectory: libraries, ...options });

async function imageOf(layout: TinyLayout, digest: string): Promise<{ manifest: Manifest; config: Config }> {
  const manifest = (await layout.json(digest)) as Manifest;
  return { manifest, config: (await layout.json(manifest.config.digest)) as Config };
}

async function filesOf(layout: TinyLayout, digest: string): Promise<LayeredFiles> {
  const { manifest } = await imageOf(layout, digest);
  return layerFiles(layout, manifest.layers);
}

function layerFiles(layout: TinyLayout, layers: Descriptor[]): LayeredFiles {
  return new LayeredFiles({ openLayer: (layer) => Promise.resolve(layout.layerData(layer)) }, layers);
}

/** Expects a failure that leaves every file of the layout as it was. */
async function refuses(
  t: Test,
  layout: TinyLayout,
  tag: string,
  options: InjectOptions,
  expected: object,
): Promise<void> {
  const before = await layout.snapshot();
  await t.rejects(into(layout, tag, options), { name: 'MpuError', ...expected });
  t.same(await layout.snapshot(), before, 'nothing was left behind');
}

await t.test('one layer is added, under a new tag', async (t) => {
  const layout = await layoutOf(t, { layers: [debianLayer, { 'etc/ld.so.preload': '/a.so' }], tag: '1' });
  const before = await layout.snapshot();
  const result = await into(layout, '1');
  t.match(result, {
    outcome: 'created',
    image: `oci:${layout.directory}:1-mpu`,
    source: `oci:${layout.directory}:1`,
    store: 'oci',
    platforms: ['linux/amd64'],
    skippedPlatforms: [],
  });
  const { manifest, config } = await imageOf(layout, result.digest);
  t.equal(manifest.layers.length, 3);
  t.equal(manifest.layers[2]?.mediaType, 'application/vnd.oci.image.layer.v1.tar+gzip');
  t.equal(manifest.layers[2]?.size, result.sizeAdded);
  t.equal(config.rootfs.diff_ids.length, 3);
  t.equal(config.history.length, 3);
  t.equal(config['x-unknown'], 1, 'what is unknown stays');
  t.same(config.config.Cmd, ['/bin/true']);
  t.equal(config.config.Labels['dev.mpu.layer'], config.rootfs.diff_ids[2]);
  const files = await filesOf(layout, result.digest);
  t.equal((await files.readFile('/etc/ld.so.preload'))?.toString(), `/a.so\n${PRELOAD_ENTRY}\n`);
  const library = (name: string): Promise<Buffer> => readFile(join(libraries, name, 'libmpu.so'));
  t.same(await files.readFile('/usr/lib/mpu/lib/x86_64-linux-gnu/libmpu.so'), await library('x86_64'));
  t.same(await files.readFile('/usr/lib/mpu/lib64/libmpu.so'), await library('x86_64'));
  t.same(await files.readFile('/usr/lib/mpu/lib/libmpu.so'), await library('i386'));
  const after = await layout.snapshot();
  const untouched = Object.keys(before).filter((path) => path !== 'index.json');
  t.ok(
    untouched.every((path) => after[path] === before[path]),
    'the blobs that were there are untouched',
  );
  t.equal(Object.keys(after).length, Object.keys(before).length + 3, 'a layer, a configuration and a manifest are new');
  const index = (await layout.json('index.json')) as { manifests: Descriptor[] };
  t.same(
    index.manifests.map(({ annotations }) => annotations?.['org.opencontainers.image.ref.name']),
    ['1', '1-mpu'],
  );
});

await t.test('a second time changes nothing', async (t) => {
  const layout = await layoutOf(t, { layers: [debianLayer], tag: '1' });
  const first = await into(layout);
  const before = await layout.snapshot();
  t.match(await into(layout, '1'), { outcome: 'unchanged', image: first.image, digest: first.digest, sizeAdded: 0 });
  t.match(await into(layout), { outcome: 'unchanged', image: first.image }, 'the only image that mpu did not make');
  t.match(await into(layout, '1-mpu'), { outcome: 'already-injected', image: first.image, digest: first.digest });
  t.same(await layout.snapshot(), before);
  t.match(await into(layout, '1-mpu', { tag: 'alias' }), { outcome: 'created', digest: first.digest, sizeAdded: 0 });
});

await t.test('the same image and library give the same bytes', async (t) => {
  const [one, two] = [await layoutOf(t, { layers: [debianLayer] }), new TinyLayout(join(t.testdirName, 'two'))];
  await two.finish(await two.image({ layers: [debianLayer] }));
  const [first, second] = [await into(one), await into(two)];
  t.equal(first.digest, second.digest);
  t.equal(first.image, `oci:${one.directory}:latest-mpu`, 'an image without a tag');
  t.not((await into(two, '', { timestamp: 1700000000, tag: 'dated' })).digest, first.digest);
});

await t.test('docker media types are kept', async (t) => {
  const layout = await layoutOf(t, { layers: [debianLayer], tag: '1', docker: true });
  const { manifest } = await imageOf(layout, (await into(layout)).digest);
  t.equal(manifest.mediaType, 'application/vnd.docker.distribution.manifest.v2+json');
  t.equal(manifest.layers[1]?.mediaType, 'application/vnd.docker.image.rootfs.diff.tar.gzip');
  t.equal(manifest.config.mediaType, 'application/vnd.docker.container.image.v1+json');
});

await t.test('a library directory that is a link stays one', async (t) => {
  const layout = await layoutOf(t, {
    layers: [
      { 'lib64/ld-linux-x86-64.so.2': glibcLoader('lib64'), 'usr/lib': '-> ../system/lib', etc: '-> system/etc' },
    ],
  });
  const { manifest } = await imageOf(layout, (await into(layout)).digest);
  const added = layerFiles(layout, manifest.layers.slice(1));
  t.ok(await added.readFile('/system/lib/mpu/lib64/libmpu.so'));
  t.ok(await added.readFile('/system/etc/ld.so.preload'));
  t.equal(await added.readFile('/etc/ld.so.preload'), undefined);
});

await t.test('a newer library is added to an injected image', async (t) => {
  const layout = await layoutOf(t, { layers: [debianLayer], tag: '1' });
  await into(layout);
  const newer = join(t.testdirName, 'newer');
  await writeStandInLibraries(newer, 'newer');
  const result = await into(layout, '1-mpu', { libraryDirectory: newer, tag: '2' });
  t.equal(result.outcome, 'created');
  const files = await filesOf(layout, result.digest);
  t.match((await files.readFile('/usr/lib/mpu/lib64/libmpu.so'))?.toString(), /newer for x86_64/);
  t.equal((await files.readFile('/etc/ld.so.preload'))?.toString(), `${PRELOAD_ENTRY}\n`);
  t.match(await into(layout, '1', { libraryDirectory: newer }), { outcome: 'replaced' }, 'its own tag is renewed');
});

await t.test('every platform of an index', async (t) => {
  const layout = new TinyLayout(join(t.testdir(), 'layout'));
  const platform = (architecture: string): { platform: Platform } => ({ platform: { os: 'linux', architecture } });
  const attestation = { annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } };
  const amd64 = await layout.image({ layers: [debianLayer] });
  const members = [
    { ...amd64, ...platform('amd64') },
    { ...(await layout.image({ layers: [debianArmLayer], architecture: 'arm64' })), ...platform('arm64') },
    { ...(await layout.image({ layers: [debianLayer], architecture: 's390x' })), ...platform('s390x') },
    { ...amd64, digest: `sha256:${'0'.repeat(64)}`, ...platform('ppc64le') },
    { ...amd64, ...platform('unknown'), ...attestation },
  ];
  const index = await layout.blob({ schemaVersion: 2, mediaType: INDEX, manifests: members }, INDEX);
  await layout.finish({ ...index, annotations: { 'org.opencontainers.image.ref.name': '1' } });
  const result = await into(layout);
  t.match(result, {
    platforms: ['linux/amd64', 'linux/arm64'],
    skippedPlatforms: ['linux/s390x', 'linux/ppc64le (not there)'],
  });
  const made = ((await layout.json(result.digest)) as { manifests: Descriptor[] }).manifests;
  t.same(
    made.map((member) => member.platform?.architecture),
    ['amd64', 'arm64', 's390x', 'ppc64le'],
  );
  t.ok(await (await filesOf(layout, made[0]?.digest ?? '')).readFile('/usr/lib/mpu/lib64/libmpu.so'));
  const arm = await filesOf(layout, made[1]?.digest ?? '');
  t.match((await arm.readFile('/usr/lib/mpu/lib/libmpu.so'))?.toString(), /aarch64/);
  t.same(made.slice(2), members.slice(2, 4));
  t.match(await into(layout, '1-mpu'), { outcome: 'already-injected' });
});

await t.test('members of an index that are no images', async (t) => {
  const layout = new TinyLayout(join(t.testdir(), 'layout'));
  const empty = await layout.blob({}, 'application/vnd.oci.empty.v1+json');
  const manifestType = 'application/vnd.oci.image.manifest.v1+json';
  const artifact = { schemaVersion: 2, mediaType: manifestType, config: empty, layers: [empty] };
  const members = [
    { ...(await layout.image({ layers: [debianLayer] })), platform: { os: 'linux', architecture: 'amd64' } },
    await layout.blob({ ...artifact, artifactType: 'application/spdx+json' }, manifestType),
    await layout.blob({ ...artifact, annotations: { a: 'b' } }, manifestType),
    await layout.blob(Buffer.from('no JSON'), 'text/plain'),
  ];
  const index = await layout.blob({ schemaVersion: 2, mediaType: INDEX, manifests: members }, INDEX);
  await layout.finish({ ...index, annotations: { 'org.opencontainers.image.ref.name': '1' } });
  const others = ['application/spdx+json', 'application/vnd.oci.empty.v1+json', 'text/plain'];
  const result = await into(layout);
  t.match(result, {
    platforms: ['linux/amd64'],
    skippedPlatforms: others.map((type) => `${type} (no container image)`),
  });
  const made = ((await layout.json(result.digest)) as { manifests: Descriptor[] }).manifests;
  t.same(made.slice(1), members.slice(1), 'they stay');
  const seen = await inspect(`oci:${layout.directory}:1-mpu`, { libraryDirectory: libraries });
  t.match(seen, {
    state: 'injected',
    platforms: [
      { platform: 'linux/amd64' },
      ...others.map((platform) => ({ platform, onInject: { action: 'refuse', why: 'it is no container image' } })),
    ],
  });
  t.match(await eject(`oci:${layout.directory}:1-mpu`), { isOriginal: true, digest: index.digest });
  const archive = `oci-archive:${t.testdirName}/a`;
  await check('tar', ['-cf', `${t.testdirName}/a.tar`, '-C', layout.directory, '.']);
  t.match(await inject(`${archive}.tar:1`, { libraryDirectory: libraries }), {
    digest: result.digest,
    skippedPlatforms: result.skippedPlatforms,
  });
  t.match(await eject(`${archive}-mpu.tar`, { output: `${t.testdirName}/b.tar` }), {
    isOriginal: true,
    digest: index.digest,
  });
  await layout.finish({ ...members[1], annotations: { 'org.opencontainers.image.ref.name': 'sbom' } } as Descriptor);
  await refuses(t, layout, 'sbom', {}, { code: 'no-image', why: /an artifact of another kind/ });
});

await t.test('images that cannot be injected', async (t) => {
  const refused = async (image: TinyImage, expected: object): Promise<void> => {
    await refuses(t, await layoutOf(t, { tag: '1', ...image }), '1', {}, expected);
  };
  await refused({ layers: [{ 'bin/static': 'x' }] }, { code: 'image-no-glibc', why: /static/ });
  await refused(
    { layers: [{ 'lib64/ld-linux-x86-64.so.2': 'gcompat' }] },
    { code: 'image-no-glibc', why: /does not read/ },
  );
  await refused(
    { layers: [debianLayer], architecture: 'riscv64' },
    { code: 'platform-unsupported', why: /linux\/riscv64/ },
  );
  await refused({ layers: [debianLayer], os: 'windows' }, { code: 'platform-unsupported', why: /windows\/amd64/ });
  await refused({ layers: [{ ...debianLayer, 'etc/ld.so.preload/': null }] }, { code: 'image-unusual' });
});

await t.test('names that are taken or missing', async (t) => {
  const layout = await layoutOf(
    t,
    { layers: [debianLayer], tag: '1' },
    { layers: [debianLayer, { x: 'y' }], tag: '1-mpu' },
  );
  await refuses(t, layout, '1', {}, { code: 'target-exists', next: /--force/, exitCode: 1 });
  await refuses(t, layout, '1', { tag: '1' }, { code: 'target-is-source', exitCode: 2 });
  await refuses(t, layout, '', {}, { code: 'tag-needed', why: /1, 1-mpu/, exitCode: 2 });
  await refuses(t, layout, '7', {}, { code: 'tag-not-found', why: /1, 1-mpu/ });
  await refuses(t, layout, '1', { engine: 'docker' }, { code: 'usage', exitCode: 2 });
  t.match(await into(layout, '1', { force: true }), { outcome: 'replaced' });
});

await t.test('directories that are no layout', async (t) => {
  const broken = async (spoil: (layout: TinyLayout) => Promise<unknown>, why: RegExp): Promise<void> => {
    const layout = await layoutOf(t, { layers: [debianLayer], tag: '1' });
    await spoil(layout);
    await refuses(t, layout, '1', {}, { code: 'layout-invalid', why, exitCode: 1 });
  };
  await t.rejects(inject(`oci:${t.testdir()}/none:1`), { code: 'layout-invalid', why: /no such directory/ });
  await broken((l) => rm(join(l.directory, 'oci-layout')), /no oci-layout/);
  await broken((l) => writeFile(join(l.directory, 'oci-layout'), '{"imageLayoutVersion":"9"}'), /version/);
  await broken((l) => writeFile(join(l.directory, 'index.json'), '{'), /no JSON/);
  await broken((l) => writeFile(join(l.directory, 'index.json'), '{"manifests":[1]}'), /list of manifests/);
  const first = async (l: TinyLayout): Promise<Descriptor> =>
    ((await l.json('index.json')) as { manifests: [Descriptor] }).manifests[0];
  const blob = (l: TinyLayout, { digest }: Descriptor): string => join(l.directory, 'blobs', 'sha256', digest.slice(7));
  await broken(async (l) => rm(blob(l, await first(l))), /is missing/);
  await broken(async (l) => writeFile(blob(l, await first(l)), '{}'), /is damaged/);
  await broken(async (l) => {
    const { layers } = (await l.json((await first(l)).digest)) as Manifest;
    await writeFile(blob(l, layers[0] ?? (await first(l))), 'short');
  }, /5 bytes instead of/);
  await broken(async (l) => l.finish({ ...(await first(l)), digest: 'sha256:../../x' }), /no digest/);
});

await t.test('nothing is left when it cannot be finished', async (t) => {
  const layout = await layoutOf(t, { layers: [debianLayer], tag: '1' });
  const late = new AbortController();
  await refuses(
    t,
    layout,
    '1',
    {
      signal: late.signal,
      onProgress: () => {
        setImmediate(() => {
          late.abort('SIGINT');
        });
      },
    },
    { code: 'interrupted', exitCode: 130 },
  );
  await refuses(t, layout, '1', { libraryDirectory: '/none' }, { code: 'library-missing' });
});

await t.test('the layer is what its digest and diff id say', async (t) => {
  const layout = await layoutOf(t, { layers: [debianLayer], tag: '1' });
  const { manifest, config } = await imageOf(layout, (await into(layout)).digest);
  const [, digest = ''] = (manifest.layers[1]?.digest ?? '').split(':');
  const compressed = await readFile(join(layout.directory, 'blobs', 'sha256', digest));
  t.equal(createHash('sha256').update(compressed).digest('hex'), digest);
  t.equal(`sha256:${createHash('sha256').update(gunzipSync(compressed)).digest('hex')}`, config.rootfs.diff_ids[1]);
});
