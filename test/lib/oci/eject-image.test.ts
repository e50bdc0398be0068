// SPDX-License-Identifier: GPL-2.0-only
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  eject,
  inject,
  inspect,
  type EjectOptions,
  type EjectResult,
  type InjectOptions,
  type InjectResult,
} from '#mpu/index.js';
import { omit, type Descriptor } from '#mpu/lib/oci/descriptor.js';
import { LayeredFiles } from '#mpu/lib/oci/layered-files.js';
import { PRELOAD_ENTRY } from '#mpu/lib/payload/preload-file.js';
import { lacking } from '../../support/engines.js';
import { check } from '../../support/mpu.js';
import {
  TinyLayout,
  debianArmLayer,
  debianLayer,
  glibcLoader,
  tinyTar,
  writeStandInLibraries,
  type TinyImage,
  type TinyLayer,
} from '../../support/tiny-layout.js';
import { withoutEngines } from '../../support/without-engines.js';

interface Manifest {
  config: Descriptor;
  layers: Descriptor[];
  annotations?: Record<string, string>;
}

interface Config {
  config: { Labels?: Record<string, string>; Env?: string[]; Cmd?: string[] };
  rootfs: { diff_ids: string[] };
  history: { created_by: string }[];
}

const libraries = t.testdir();
t.before(() => writeStandInLibraries(libraries));

async function layoutOf(t: Test, image: TinyImage): Promise<TinyLayout> {
  const layout = new TinyLayout(join(t.testdir(), 'layout'));
  return layout.finish(await layout.image({ ...image, tag: '1' }));
}

const into = (layout: TinyLayout, tag: string, options: InjectOptions = {}): Promise<InjectResult> =>
  inject(`oci:${layout.directory}:${tag}`, { libraryDirectory: libraries, ...options });
const outOf = (layout: TinyLayout, tag: string, options: EjectOptions = {}): Promise<EjectResult> =>
  eject(`oci:${layout.directory}:${tag}`, options);

async function imageOf(
  layout: TinyLayout,
  digest: string,
): Promise<{ manifest: Manifest; config: Config; files: LayeredFiles }> {
  const manifest = (await layout.json(digest)) as Manifest;
  const config = (await layout.json(manifest.config.digest)) as Config;
  const openLayer = (layer: Descriptor): Promise<ReturnType<TinyLayout['layerData']>> =>
    Promise.resolve(layout.layerData(layer));
  return { manifest, config, files: new LayeredFiles({ openLayer }, manifest.layers) };
}

/** Builds on an image of a layout, as a Dockerfile would; the new image gets the tag `child`. */
async function buildOn(
  layout: TinyLayout,
  digest: string,
  layer: Record<string, string>,
  env: string[] = [],
): Promise<void> {
  const { manifest, config } = await imageOf(layout, digest);
  const archive = await tinyTar(layer);
  const blob = await layout.blob(archive, 'application/vnd.oci.image.layer.v1.tar');
  const child = {
    ...config,
    config: { ...config.config, Env: [...(config.config.Env ?? []), ...env] },
    rootfs: { ...config.rootfs, diff_ids: [...config.rootfs.diff_ids, blob.digest] },
    history: [...config.history, { created_by: 'RUN something' }],
  };
  const rest = omit<unknown>({ ...manifest }, 'annotations');
  const configBlob = await layout.blob(child, manifest.config.mediaType);
  const made = await layout.blob(
    { ...rest, config: configBlob, layers: [...manifest.layers, blob] },
    'application/vnd.oci.image.manifest.v1+json',
  );
  const index = (await layout.json('index.json')) as { manifests: Descriptor[] };
  await layout.finish(...index.manifests, { ...made, annotations: { 'org.opencontainers.image.ref.name': 'child' } });
}

/** Removes the manifest and configuration of an image, as a garbage collection would once its tag is gone. */
async function collect(layout: TinyLayout, digest: string, tag: string): Promise<void> {
  const { manifest } = await imageOf(layout, digest);
  for (const blob of [digest, manifest.config.digest])
    await rm(join(layout.directory, 'blobs', 'sha256', blob.slice(7)));
  const { manifests } = (await layout.json('index.json')) as { manifests: Descriptor[] };
  await layout.finish(...manifests.filter((entry) => entry.annotations?.['org.opencontainers.image.ref.name'] !== tag));
}

const digestOf = async (layout: TinyLayout, tag: string): Promise<string> =>
  ((await layout.json('index.json')) as { manifests: Descriptor[] }).manifests.find(
    (entry) => entry.annotations?.['org.opencontainers.image.ref.name'] === tag,
  )?.digest ?? '';

await t.test('the original comes back', async (t) => {
  const layout = await layoutOf(t, { layers: [debianLayer] });
  const before = await digestOf(layout, '1');
  await into(layout, '1');
  const state = await layout.snapshot();
  const result = await outOf(layout, '1-mpu');
  t.match(result, {
    outcome: 'unchanged',
    isOriginal: true,
    digest: before,
    image: `oci:${layout.directory}:1`,
    sizeAdded: 0,
  });
  t.same(await layout.snapshot(), state, 'it was there');
  t.match(await outOf(layout, '1-mpu', { tag: 'clean' }), { outcome: 'created', digest: before });
  t.match(await outOf(layout, '1-mpu', { tag: 'clean' }), { outcome: 'unchanged', digest: before });
  t.match(await outOf(layout, '1'), { outcome: 'not-injected', digest: before });
  t.match(
    await inject(`oci:${layout.directory}`, { libraryDirectory: libraries }),
    { outcome: 'unchanged' },
    'two names of one image',
  );
});

await t.test('byte for byte, also where its manifest is gone', async (t) => {
  const images: TinyImage[] = [
    { layers: [debianLayer] },
    { layers: [debianLayer], docker: true },
    { layers: [debianLayer], config: { Env: ['A=<b>'], Labels: null } },
    { layers: [debianLayer], config: { Env: ['LD_PRELOAD=/a.so', 'B=c'], Labels: { mine: 'x' } } },
    { layers: [{ 'lib/ld-musl-x86_64.so.1': 'musl' }], config: { Env: null } },
    { layers: [debianLayer], config: {}, spell: (value) => JSON.stringify(value, undefined, 3) },
    {
      layers: [debianLayer],
      config: { Env: ['A=<b>&'] },
      spell: (value) => JSON.stringify(value).replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`),
    },
  ];
  for (const [number, image] of images.entries()) {
    for (const readLayers of ['auto', 'never'] as const) {
      const layout = await layoutOf(t, image);
      const before = await digestOf(layout, '1');
      await into(layout, '1', { readLayers });
      const manifest = await readFile(join(layout.directory, 'blobs/sha256', before.slice(7)));
      await collect(layout, before, '1');
      // There may be a manifest whose configuration is gone.
      if (number === 0) await layout.blob(manifest, 'application/vnd.oci.image.manifest.v1+json');
      t.match(
        await outOf(layout, '1-mpu'),
        { outcome: 'created', isOriginal: true, digest: before },
        `${number}, ${readLayers}`,
      );
      t.equal(await digestOf(layout, '1'), before);
    }
  }
});

await t.test('an image that was injected twice', async (t) => {
  const layout = await layoutOf(t, { layers: [debianLayer] });
  await into(layout, '1');
  const newer = join(t.testdirName, 'newer');
  await writeStandInLibraries(newer, 'newer');
  await into(layout, '1-mpu', { libraryDirectory: newer, tag: 'twice' });
  t.match(await outOf(layout, 'twice', { tag: 'x' }), {
    outcome: 'created',
    isOriginal: true,
    digest: await digestOf(layout, '1'),
  });
});

await t.test('an image that was built on an injected one', async (t) => {
  for (const [former, after] of [
    [undefined, undefined],
    ['/a.so', '/a.so'],
    ['# mine\n/a.so /b.so\n', '# mine\n/a.so /b.so\n'],
  ]) {
    const layout = await layoutOf(t, {
      layers: [debianLayer, former === undefined ? {} : { 'etc/ld.so.preload': former }],
    });
    await buildOn(layout, (await into(layout, '1')).digest, { 'opt/mine': 'x' });
    const result = await outOf(layout, 'child');
    t.match(result, { outcome: 'created', isOriginal: false, image: `oci:${layout.directory}:child-no-mpu` });
    const { files, config, manifest } = await imageOf(layout, result.digest);
    t.equal((await files.readFile('/etc/ld.so.preload'))?.toString(), after, JSON.stringify(former));
    t.notOk(await files.has('/usr/lib/mpu'));
    t.ok(await files.has('/opt/mine'));
    t.equal(manifest.layers.length, 5);
    t.same(Object.keys(config.config.Labels ?? {}), []);
    t.match(config.history.at(-1)?.created_by, /^mpu eject/);
    t.match(await outOf(layout, 'child'), { outcome: 'unchanged', digest: result.digest });
    t.match(await outOf(layout, 'child-no-mpu'), { outcome: 'not-injected' });
    t.match(await into(layout, 'child-no-mpu'), { outcome: 'created' }, 'and can be injected again');
  }
});

await t.test('a preload file comes back as what it was, below other layers, too', async (t) => {
  const path = '/etc/ld.so.preload';
  const kinds: [string, TinyLayer][] = [
    ['a link', { 'etc/ld.so.preload': '-> ../opt/preload', 'opt/preload': '/a.so\n' }],
    ['a link to nothing', { 'etc/ld.so.preload': '-> /none' }],
    [
      'a hard link',
      { 'opt/preload': { text: '/a.so', mode: 0o640, uid: 0, gid: 5 }, 'etc/ld.so.preload': '=> opt/preload' },
    ],
    ['a file of somebody', { 'etc/ld.so.preload': { text: '/a.so\n', mode: 0o600, uid: 7, gid: 8 } }],
    ['below a link', { etc: '-> system/etc', 'system/etc/ld.so.preload': '-> ../mine', 'system/mine': '/a.so' }],
  ];
  for (const [name, layer] of kinds) {
    const base = 'etc' in layer ? { 'lib64/ld-linux-x86-64.so.2': glibcLoader('lib64') } : debianLayer;
    const layout = await layoutOf(t, { layers: [base, layer] });
    const before = (await imageOf(layout, await digestOf(layout, '1'))).files;
    await buildOn(layout, (await into(layout, '1')).digest, { 'opt/mine': 'x' });
    const { files } = await imageOf(layout, (await outOf(layout, 'child')).digest);
    t.same(await files.entry(path), await before.entry(path), name);
    t.same(await files.readFile(path).catch(String), await before.readFile(path).catch(String));
    t.notOk(await files.has('/usr/lib/mpu'));
  }
  const layout = await layoutOf(t, {
    layers: [debianLayer, { 'etc/ld.so.preload': { text: `/a.so ${PRELOAD_ENTRY}`, mode: 0o600, uid: 7, gid: 8 } }],
  });
  const { files } = await imageOf(layout, (await outOf(layout, '1')).digest);
  t.match(
    await files.entry(path),
    { type: 'file', data: Buffer.from('/a.so '), attributes: { mode: 0o600, uid: 7, gid: 8 } },
    'what is left of one',
  );
});

await t.test('what others keep in /usr/lib/mpu, and an empty preload file, stay', async (t) => {
  const layout = await layoutOf(t, { layers: [debianLayer, { 'usr/lib/mpu/other': 'x', 'etc/ld.so.preload': '' }] });
  t.match(await inspect(`oci:${layout.directory}:1`, { libraryDirectory: libraries }), { state: 'not-injected' });
  t.match(await outOf(layout, '1'), { outcome: 'not-injected' });
  const unnamed = await layoutOf(t, { layers: [debianLayer, { 'usr/lib/mpu/lib/x86_64-linux-gnu/libmpu.so': 'x' }] });
  const { files } = await imageOf(unnamed, (await outOf(unnamed, '1')).digest);
  t.notOk(await files.has('/usr/lib/mpu'), 'a library that nothing loads goes');
});

await t.test('a preload file and an Env that were changed since', async (t) => {
  const layout = await layoutOf(t, { layers: [debianLayer], config: { Env: ['LD_PRELOAD=/first.so'] } });
  const { digest } = await into(layout, '1', { readLayers: 'never' });
  await buildOn(layout, digest, { 'etc/ld.so.preload': `/a.so ${PRELOAD_ENTRY} /b.so\n/c.so` }, ['MINE=1']);
  await t.rejects(outOf(layout, 'child', { readLayers: 'never' }), {
    code: 'layers-unread',
    next: /--read-layers always/,
  });
  const { files, config } = await imageOf(layout, (await outOf(layout, 'child')).digest);
  t.match((await files.readFile('/etc/ld.so.preload'))?.toString(), /^\/a.so +\/b.so\n\/c.so$/);
  t.same(config.config.Env, ['LD_PRELOAD=/first.so', 'MINE=1']);
  t.notOk(await files.has('/usr/lib/mpu/libmpu.so'));
});

await t.test('settings that were added above the layer stay', async (t) => {
  const layout = await layoutOf(t, { layers: [debianLayer] });
  const { digest } = await into(layout, '1');
  const { manifest, config } = await imageOf(layout, digest);
  const edited = { ...config, config: { ...config.config, Cmd: ['/mine'] } };
  const child = await layout.blob(
    { ...manifest, config: await layout.blob(edited, manifest.config.mediaType) },
    'application/vnd.oci.image.manifest.v1+json',
  );
  await layout.finish({ ...child, annotations: { 'org.opencontainers.image.ref.name': 'child' } });
  const result = await outOf(layout, 'child');
  t.match(result, { outcome: 'created', isOriginal: false, sizeAdded: 0 });
  const made = await imageOf(layout, result.digest);
  t.same(made.config.config.Cmd, ['/mine']);
  t.equal(made.manifest.layers.length, 1);
  t.equal(made.config.history.length, 1);
});

await t.test('an index comes back with what was left out of it', async (t) => {
  const layout = new TinyLayout(join(t.testdir(), 'layout'));
  const platform = (architecture: string): { platform: { os: string; architecture: string } } => ({
    platform: { os: 'linux', architecture },
  });
  const amd64 = { ...(await layout.image({ layers: [debianLayer] })), ...platform('amd64') };
  const arm64 = { ...(await layout.image({ layers: [debianArmLayer], architecture: 'arm64' })), ...platform('arm64') };
  const other = { ...(await layout.image({ layers: [{ a: 'b' }], architecture: 's390x' })), ...platform('s390x') };
  const attestation = {
    ...(await layout.image({ layers: [{ a: 'c' }] })),
    annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
  };
  for (const mediaType of [
    'application/vnd.oci.image.index.v1+json',
    'application/vnd.docker.distribution.manifest.list.v2+json',
  ]) {
    const nested = await layout.blob({ schemaVersion: 2, mediaType, manifests: [arm64] }, mediaType);
    const index = await layout.blob(
      { schemaVersion: 2, mediaType, manifests: [amd64, nested, other, attestation] },
      mediaType,
    );
    await layout.finish({ ...index, annotations: { 'org.opencontainers.image.ref.name': '1' } });
    t.match(await into(layout, '1'), { platforms: ['linux/amd64', 'linux/arm64'], skippedPlatforms: ['linux/s390x'] });
    t.match(await outOf(layout, '1-mpu'), { outcome: 'unchanged', isOriginal: true, digest: index.digest });
    const bare = await layout.blob({ schemaVersion: 2, mediaType, manifests: [amd64, other] }, mediaType);
    await layout.finish({ ...bare, annotations: { 'org.opencontainers.image.ref.name': '2' } });
    const { digest } = await into(layout, '2');
    await rm(join(layout.directory, 'blobs', 'sha256', bare.digest.slice(7)));
    await layout.finish({ mediaType, digest, size: 0, annotations: { 'org.opencontainers.image.ref.name': '2-mpu' } });
    t.match(await outOf(layout, '2-mpu'), { outcome: 'created', isOriginal: true, digest: bare.digest });
  }
});

await t.test('refusals leave everything as it was', async (t) => {
  const layout = await layoutOf(t, { layers: [debianLayer] });
  await into(layout, '1');
  const other = await layout.image({ layers: [{ x: 'y' }], tag: 'taken' });
  const { manifests } = (await layout.json('index.json')) as { manifests: Descriptor[] };
  await layout.finish(...manifests, other);
  const before = await layout.snapshot();
  await t.rejects(outOf(layout, '1-mpu', { tag: 'taken' }), { code: 'target-exists', next: /^mpu eject/ });
  await t.rejects(outOf(layout, '1-mpu', { tag: '1-mpu' }), { code: 'target-is-source', exitCode: 2 });
  await t.rejects(outOf(layout, 'none'), { code: 'tag-not-found' });
  await withoutEngines(join(libraries, 'none'), () =>
    t.rejects(eject('app:1'), { code: 'engine-missing', exitCode: 3 }),
  );
  await t.rejects(outOf(layout, '1-mpu', { signal: AbortSignal.abort('SIGTERM') }), {
    code: 'interrupted',
    exitCode: 143,
  });
  t.same(await layout.snapshot(), before);
  t.match(await outOf(layout, '1-mpu', { tag: 'taken', force: true }), { outcome: 'replaced' });
});

await t.test('archives', { skip: await lacking(['skopeo', 'tar']) }, async (t) => {
  const layout = await layoutOf(t, { layers: [debianLayer], config: { Labels: { a: '<b>' } } });
  const directory = t.testdirName;
  await check('tar', ['-cf', join(directory, 'o.tar'), '-C', layout.directory, '.']);
  await check('skopeo', ['copy', '--quiet', `oci:${layout.directory}:1`, `docker-archive:${directory}/d.tar:app:1`]);
  for (const kind of ['oci-archive', 'docker-archive']) {
    const source = `${kind}:${join(directory, kind === 'oci-archive' ? 'o' : 'd')}`;
    const { digest } = await inject(`${source}.tar`, { libraryDirectory: libraries });
    t.match(await eject(`${source}-mpu.tar`), {
      outcome: 'unchanged',
      isOriginal: true,
      image: new RegExp(`^${source}.tar:`),
    });
    const clean = await eject(`${source}-mpu.tar`, { output: join(directory, `${kind}-clean`) });
    t.match(clean, { outcome: 'created', isOriginal: true });
    t.not(clean.digest, digest);
    t.match(
      await inject(`${kind}:${directory}/${kind}-clean`, { libraryDirectory: libraries }),
      { digest },
      'and back again',
    );
  }
  await writeFile(join(directory, 'd.tar'), 'something else');
  await t.rejects(eject(`docker-archive:${directory}/d-mpu.tar`), { code: 'target-exists' });
});
