// SPDX-License-Identifier: GPL-2.0-only
/** Injection into images of every kind, as their files and configurations show it. */
import { execFileSync } from 'node:child_process';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { inject, inspect, type InjectOptions, type InjectResult, type InspectedPlatform } from '#mpu/index.js';
import type { Descriptor } from '#mpu/lib/oci/descriptor.js';
import { LayeredFiles } from '#mpu/lib/oci/layered-files.js';
import { PLATFORM_ENTRY, PRELOAD_ENTRY } from '#mpu/lib/payload/preload-file.js';
import {
  TinyLayout,
  debianLayer,
  glibcLoader,
  writeStandInLibraries,
  type TinyImage,
  type TinyLayer,
} from '../../support/tiny-layout.js';
import { withoutEngines } from '../../support/without-engines.js';

interface Config {
  config: { Labels: Record<string, string>; Env?: string[]; Cmd?: string[]; Entrypoint?: string[] };
  history: { created: string; created_by: string; comment: string }[];
}

interface Made {
  result: InjectResult;
  files: LayeredFiles;
  config: Config;
  annotations: Record<string, string> | undefined;
}

const libraries = t.testdir();
const muslLayer: TinyLayer = { 'lib/ld-musl-x86_64.so.1': 'musl', 'etc/': null };
const preload = async ({ files }: Made): Promise<string | undefined> =>
  (await files.readFile('/etc/ld.so.preload'))?.toString();

t.before(() => writeStandInLibraries(libraries));

async function layoutOf(t: Test, image: TinyImage): Promise<TinyLayout> {
  const layout = new TinyLayout(join(t.testdir(), 'layout'));
  return layout.finish(await layout.image({ ...image, tag: '1' }));
}

async function injected(layout: TinyLayout, options: InjectOptions = {}): Promise<Made> {
  const result = await inject(`oci:${layout.directory}:1`, { libraryDirectory: libraries, ...options });
  const manifest = (await layout.json(result.digest)) as {
    config: Descriptor;
    layers: Descriptor[];
    annotations?: Record<string, string>;
  };
  const openLayer = (layer: Descriptor): Promise<ReturnType<TinyLayout['layerData']>> =>
    Promise.resolve(layout.layerData(layer));
  const files = new LayeredFiles({ openLayer }, manifest.layers);
  return {
    result,
    files,
    config: (await layout.json(manifest.config.digest)) as Config,
    annotations: manifest.annotations,
  };
}

/** Injects an image of these layers, the first a Debian. */
const onDebian = async (t: Test, ...layers: TinyLayer[]): Promise<Made> =>
  injected(await layoutOf(t, { layers: [debianLayer, ...layers] }));

async function inspected(
  layout: TinyLayout,
  tag: string,
  readLayers: 'auto' | 'never' = 'auto',
): Promise<InspectedPlatform & { whole: string }> {
  const { platforms, state } = await inspect(`oci:${layout.directory}:${tag}`, {
    libraryDirectory: libraries,
    readLayers,
  });
  const [platform] = platforms;
  if (platform === undefined) throw new Error('no platform');
  return { ...platform, whole: state };
}

await t.test('an /etc/ld.so.preload of every kind is kept', async (t) => {
  const kinds: [string, TinyLayer[], string][] = [
    ['none', [], ''],
    ['empty', [{ 'etc/ld.so.preload': '' }], ''],
    ['no last newline', [{ 'etc/ld.so.preload': '/a.so' }], '/a.so\n'],
    ['several on a line', [{ 'etc/ld.so.preload': '/a.so:/b.so /c.so\n' }], '/a.so:/b.so /c.so\n'],
    ['a comment at the end', [{ 'etc/ld.so.preload': '/a.so # mine' }], '/a.so # mine\n'],
    ['a link', [{ 'etc/ld.so.preload': '-> /opt/preload', 'opt/preload': '/linked.so\n' }], '/linked.so\n'],
    ['a link to nothing', [{ 'etc/ld.so.preload': '-> ../none' }], ''],
    ['a hard link', [{ 'opt/x.conf': '/hard.so\n', 'etc/ld.so.preload': '=> opt/x.conf' }], '/hard.so\n'],
    ['removed above', [{ 'etc/ld.so.preload': '/a.so\n' }, { 'etc/.wh.ld.so.preload': '' }], ''],
    ['removed with its directory', [{ 'etc/ld.so.preload': '/a.so\n' }, { 'etc/.wh..wh..opq': '' }], ''],
    [
      'removed and made again',
      [{ 'etc/ld.so.preload': '/a.so\n' }, { 'etc/.wh.ld.so.preload': '' }, { 'etc/ld.so.preload': '/n.so\n' }],
      '/n.so\n',
    ],
    ['commented out', [{ 'etc/ld.so.preload': `# ${PRELOAD_ENTRY}\n` }], `# ${PRELOAD_ENTRY}\n`],
  ];
  for (const [name, layers, kept] of kinds) {
    const made = await onDebian(t, ...layers);
    t.equal(await preload(made), `${kept}${PRELOAD_ENTRY}\n`, name);
    t.same(made.result.loadedBy, ['/etc/ld.so.preload']);
    t.equal(made.config.config.Env, undefined, 'no LD_PRELOAD');
  }
});

await t.test('directories of the image keep their owner and mode', async (t) => {
  const layout = await layoutOf(t, {
    layers: [{ ...debianLayer, 'usr/': '755 0 0', 'usr/lib/': '555 7 8', 'etc/': '700 0 0' }, { 'etc/': '750 0 3' }],
  });
  const { result } = await injected(layout);
  const { layers } = (await layout.json(result.digest)) as { layers: Descriptor[] };
  const blob = join(layout.directory, 'blobs/sha256', layers.at(-1)?.digest.slice(7) ?? '');
  const listed = execFileSync('tar', ['--list', '--verbose', '--numeric-owner', '--gzip', '--file', blob], {
    encoding: 'utf8',
  });
  t.match(listed, /^drwxr-x--- 0\/3 .* etc\/\n/m);
  t.match(listed, /^dr-xr-xr-x 7\/8 .* usr\/lib\/\n/m);
  t.notMatch(listed, /usr\/\n/, 'what is as usual is not listed');
  t.ok(listed.indexOf('etc/\n') < listed.indexOf('etc/ld.so.preload'), 'before what lies in them');
});

await t.test('what was added is said in history, labels and annotations', async (t) => {
  const layout = await layoutOf(t, { layers: [debianLayer] });
  const { config, annotations } = await injected(layout, { timestamp: 1_700_000_000 });
  t.match(config.history.at(-1), {
    created: '2023-11-14T22:13:20.000Z',
    created_by: /^mpu inject/,
    comment: 'libmpu.so, loaded by /etc/ld.so.preload',
  });
  const base = ((await layout.json('index.json')) as { manifests: Descriptor[] }).manifests[0]?.digest;
  t.match(config.config.Labels, { 'dev.mpu.base': base, 'dev.mpu.layers': '2' });
  t.same(annotations, config.config.Labels);
  t.equal(
    (await injected(await layoutOf(t, { layers: [debianLayer], docker: true }))).annotations,
    undefined,
    "docker's format has none",
  );
});

await t.test('musl: LD_PRELOAD in the Env', async (t) => {
  for (const [before, after] of [
    [undefined, [`LD_PRELOAD=${PLATFORM_ENTRY}`]],
    [['A=b'], ['A=b', `LD_PRELOAD=${PLATFORM_ENTRY}`]],
    [
      ['LD_PRELOAD=/a.so /b.so', 'A=b'],
      [`LD_PRELOAD=/a.so /b.so:${PLATFORM_ENTRY}`, 'A=b'],
    ],
    [['LD_PRELOAD='], [`LD_PRELOAD=${PLATFORM_ENTRY}`]],
  ] as const) {
    const layout = await layoutOf(t, {
      layers: [muslLayer],
      config: { ...(before && { Env: before }), Entrypoint: ['/sh'] },
    });
    const made = await injected(layout);
    t.same(made.config.config.Env, after);
    t.same(made.config.config.Entrypoint, ['/sh']);
    t.same(made.config.config.Cmd, ['/bin/true']);
    t.same(made.result.loadedBy, ['LD_PRELOAD']);
    t.equal(await preload(made), undefined);
    t.match((await made.files.readFile('/usr/lib/mpu/$PLATFORM/libmpu.so'))?.toString(), /x86_64/, 'where musl looks');
    t.match(await inject(`oci:${layout.directory}:1-mpu`, { libraryDirectory: libraries }), {
      outcome: 'already-injected',
    });
    t.match(await inspected(layout, '1-mpu'), { state: 'injected', libc: 'musl', onInject: { action: 'nothing' } });
  }
});

await t.test('layers that are not read', async (t) => {
  const layout = await layoutOf(t, { layers: [debianLayer, { 'etc/ld.so.preload': '/a.so\n' }] });
  const notices: string[] = [];
  const made = await injected(layout, { readLayers: 'never', onNotice: (line) => notices.push(line) });
  t.match(notices, [/LD_PRELOAD.*--read-layers always/]);
  t.equal(notices.length, 1);
  t.same(made.config.config.Env, [`LD_PRELOAD=${PLATFORM_ENTRY}`]);
  t.equal(await preload(made), '/a.so\n', 'nothing is lost');
  for (const place of ['$PLATFORM', 'x86_64', 'haswell', 'xeon_phi', 'lib/x86_64-linux-gnu', 'lib64', '.']) {
    t.match((await made.files.readFile(`/usr/lib/mpu/${place}/libmpu.so`))?.toString(), /x86_64/, place);
  }
  for (const place of ['i386', 'i486', 'i586', 'i686', 'lib/i386-linux-gnu']) {
    t.match((await made.files.readFile(`/usr/lib/mpu/${place}/libmpu.so`))?.toString(), /i386/, place);
  }
  t.equal(await made.files.readFile('/usr/lib/mpu/lib/libmpu.so'), undefined, 'lib may mean either');
  t.match(await injected(layout, { readLayers: 'never' }), { result: { outcome: 'unchanged' } });
  for (const readLayers of ['auto', 'never'] as const) {
    t.match(await inject(`oci:${layout.directory}:1-mpu`, { libraryDirectory: libraries, readLayers }), {
      outcome: 'already-injected',
      loadedBy: ['LD_PRELOAD'],
    });
    t.match(await inspected(layout, '1-mpu', readLayers), {
      state: 'injected',
      isOnTop: true,
      preloadVariable: [PLATFORM_ENTRY],
    });
  }
  t.match(await inspected(layout, '1', 'never'), {
    state: 'unknown',
    onInject: { action: 'inject', loadedBy: 'LD_PRELOAD' },
  });
  await injected(layout, { tag: 'read' });
  t.match(await inject(`oci:${layout.directory}:read`, { libraryDirectory: libraries, readLayers: 'never' }), {
    outcome: 'already-injected',
    loadedBy: ['/etc/ld.so.preload'],
  });
});

await t.test('an outdated 32-bit library beside LD_PRELOAD', async (t) => {
  const layout = await layoutOf(t, { layers: [debianLayer] });
  await injected(layout, { readLayers: 'never' });
  const mixed = join(t.testdirName, 'mixed');
  await writeStandInLibraries(mixed, 'newer');
  await copyFile(join(libraries, 'x86_64/libmpu.so'), join(mixed, 'x86_64/libmpu.so'));
  const seen = await inspect(`oci:${layout.directory}:1-mpu`, { libraryDirectory: mixed });
  t.match(seen, { state: 'outdated', platforms: [{ onInject: { action: 'inject', loadedBy: 'LD_PRELOAD' } }] });
});

await t.test('layers that are not read, and a time stamp', async (t) => {
  const layout = await layoutOf(t, { layers: [muslLayer] });
  for (const readLayers of ['never', 'auto'] as const) {
    const tag = `${readLayers}-mpu`;
    await injected(layout, { readLayers, timestamp: 1_700_000_000, tag });
    t.match(await inspected(layout, tag, 'never'), { state: 'injected', onInject: { action: 'nothing' } });
    const options = { libraryDirectory: libraries, readLayers: 'never', timestamp: 1_700_000_001 } as const;
    t.match(
      await inject(`oci:${layout.directory}:${tag}`, options),
      { outcome: 'already-injected' },
      'another time, the same content',
    );
    const newer = join(t.testdirName, 'newer');
    await writeStandInLibraries(newer, 'newer');
    t.match(await inject(`oci:${layout.directory}:${tag}`, { ...options, libraryDirectory: newer, tag: `${tag}-2` }), {
      outcome: 'created',
    });
  }
});

await t.test('zstd layers', async (t) => {
  const zstd = (data: Buffer): Buffer => execFileSync('zstd', ['--stdout', '-3'], { input: data });
  const layout = await layoutOf(t, {
    layers: [debianLayer, { 'etc/ld.so.preload': '/z.so\n', big: 'x'.repeat(3_000_000) }],
    compress: zstd,
  });
  t.equal(await preload(await injected(layout)), `/z.so\n${PRELOAD_ENTRY}\n`);
});

await t.test('a C library of glibc 2.17, and one of another prefix', async (t) => {
  const centos = { 'lib64/ld-2.17.so': glibcLoader('lib64'), 'lib64/ld-linux-x86-64.so.2': '-> ld-2.17.so' };
  const made = await injected(await layoutOf(t, { layers: [centos] }));
  t.match((await made.files.readFile('/usr/lib/mpu/lib64/libmpu.so'))?.toString(), /x86_64/);
  const other = await layoutOf(t, { layers: [{ 'lib64/ld-linux-x86-64.so.2': 'nix' }] });
  await t.rejects(injected(other), { code: 'image-no-glibc' });
  t.match(await inspected(other, '1'), {
    state: 'not-injected',
    whole: 'not-injected',
    onInject: { action: 'refuse', why: /does not read/ },
  });
  t.match((await injected(other, { readLayers: 'never' })).result, { outcome: 'created' });
});

await t.test('images of Nix, by LD_PRELOAD', async (t) => {
  const pure: TinyLayer = { 'nix/': null, 'nix/store/': null, 'nix/store/a-glibc/lib/ld-linux-x86-64.so.2': 'nix' };
  const fhs = { ...pure, 'lib64/ld-linux-x86-64.so.2': '-> /nix/store/a-glibc/lib/ld-linux-x86-64.so.2' };
  for (const layer of [pure, fhs]) {
    const made = await injected(await layoutOf(t, { layers: [layer] }));
    t.equal(await preload(made), undefined);
    t.same(made.config.config.Env, [`LD_PRELOAD=${PLATFORM_ENTRY}`]);
  }
});

await t.test('configurations of old builders', async (t) => {
  for (const type of ['application/octet-stream', 'application/json', 'text/html; charset=utf-8']) {
    const made = await injected(await layoutOf(t, { layers: [debianLayer], configType: type }));
    t.equal(made.result.outcome, 'created', type);
  }
  for (const platform of [{ os: '', architecture: '' }, { architecture: 'x86_64' }]) {
    const made = await injected(await layoutOf(t, { layers: [debianLayer], ...platform }));
    t.same(made.result.platforms, ['linux/amd64']);
  }
});

await t.test('inspect', async (t) => {
  const layout = await layoutOf(t, {
    layers: [debianLayer, { 'etc/ld.so.preload': '/a.so /b.so # x' }],
    config: { Env: ['LD_PRELOAD=/c.so'] },
  });
  const before = await layout.snapshot();
  const plain = { state: 'not-injected', libc: 'glibc', preloadFile: ['/a.so', '/b.so'], preloadVariable: ['/c.so'] };
  t.match(await inspected(layout, '1'), {
    ...plain,
    platform: 'linux/amd64',
    onInject: { action: 'inject', loadedBy: '/etc/ld.so.preload' },
  });
  t.same(await layout.snapshot(), before);
  await injected(layout);
  t.match(await inspected(layout, '1-mpu'), {
    state: 'injected',
    isOnTop: true,
    preloadFile: ['/a.so', '/b.so', PRELOAD_ENTRY],
    onInject: { action: 'nothing' },
  });
  const newer = join(t.testdirName, 'newer');
  await writeStandInLibraries(newer, 'newer');
  t.match(await inspect(`oci:${layout.directory}:1-mpu`, { libraryDirectory: newer }), { state: 'outdated' });
  const windows = await layoutOf(t, { layers: [debianLayer], os: 'windows' });
  t.match(await inspected(windows, '1'), { whole: 'not-injected', onInject: { action: 'refuse', why: /windows/ } });
  await withoutEngines(join(libraries, 'none'), () =>
    t.rejects(inspect('app:1'), { code: 'engine-missing', exitCode: 3 }),
  );
});
