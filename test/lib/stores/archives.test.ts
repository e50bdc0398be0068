// SPDX-License-Identifier: GPL-2.0-only
/** Images in tar archives, made and checked by skopeo. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, open, readFile, readdir, rmdir, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { eject, inject, type InjectOptions, type InjectResult } from '#mpu/index.js';
import { PRELOAD_ENTRY } from '#mpu/lib/payload/preload-file.js';
import { lacking } from '../../support/engines.js';
import { check } from '../../support/mpu.js';
import {
  TinyLayout,
  debianArmLayer,
  debianLayer,
  writeStandInLibraries,
  type TinyImage,
} from '../../support/tiny-layout.js';

const libraries = t.testdir();
const skip = await lacking(['skopeo', 'tar']);

t.before(() => writeStandInLibraries(libraries));

interface Archives {
  directory: string;
  oci: string;
  docker: string;
}

/** The same image in both kinds of archives. */
async function archivesOf(t: Test, image: TinyImage): Promise<Archives> {
  const directory = t.testdir();
  const layout = new TinyLayout(join(directory, 'layout'));
  await layout.finish(await layout.image({ ...image, tag: '1' }));
  const [oci, docker] = [join(directory, 'oci.tar'), join(directory, 'docker.tar')];
  await check('tar', ['--create', '--file', oci, '--directory', layout.directory, '.']);
  await check('skopeo', ['copy', '--quiet', `oci:${layout.directory}:1`, `docker-archive:${docker}:app:1`]);
  return { directory, oci, docker };
}

const into = (image: string, options: InjectOptions = {}): Promise<InjectResult> =>
  inject(image, { libraryDirectory: libraries, ...options });

/** A file of an image, as skopeo and umoci see it. */
async function fileIn(t: Test, image: string, path: string): Promise<string> {
  const layout = join(t.testdirName, `copy-${Math.random()}`);
  await check('skopeo', ['copy', '--quiet', image, `oci:${layout}:x`]);
  await check('umoci', ['unpack', '--rootless', '--image', `${layout}:x`, `${layout}-bundle`]);
  return readFile(join(`${layout}-bundle`, 'rootfs', path), 'latin1');
}

/** Expects a failure that leaves nothing behind. */
async function refuses(
  t: Test,
  { directory }: Archives,
  image: string,
  options: InjectOptions,
  expected: object,
): Promise<void> {
  const before = await readdir(directory);
  await t.rejects(into(image, options), { name: 'MpuError', ...expected });
  t.same(await readdir(directory), before, 'nothing was left behind');
}

await t.test('an archive of an OCI layout', { skip }, async (t) => {
  const { oci, directory } = await archivesOf(t, { layers: [debianLayer, { 'etc/ld.so.preload': '/a.so' }] });
  const before = await readFile(oci);
  const result = await into(`oci-archive:${oci}`);
  const made = join(directory, 'oci-mpu.tar');
  t.match(result, {
    outcome: 'created',
    store: 'oci-archive',
    image: `oci-archive:${made}:1-mpu`,
    loadedBy: ['/etc/ld.so.preload'],
  });
  t.ok((await readFile(oci)).equals(before), 'the source is untouched');
  t.match(JSON.parse(await check('skopeo', ['inspect', `oci-archive:${made}`])), { Digest: result.digest });
  t.equal(await fileIn(t, `oci-archive:${made}:1-mpu`, 'etc/ld.so.preload'), `/a.so\n${PRELOAD_ENTRY}\n`);
  const bytes = await readFile(made);
  t.match(await into(`oci-archive:${oci}:1`), { outcome: 'unchanged', digest: result.digest });
  t.ok((await readFile(made)).equals(bytes));
  t.match(await into(`oci-archive:${made}`), { outcome: 'already-injected', digest: result.digest });
  const again = await into(`oci-archive:${oci}`, { output: join(directory, 'other.tar'), tag: '2' });
  t.match(again, { outcome: 'created', image: `oci-archive:${directory}/other.tar:2`, digest: result.digest });
});

await t.test('an archive of an index', { skip }, async (t) => {
  const directory = t.testdir();
  const layout = new TinyLayout(join(directory, 'layout'));
  const platform = (architecture: string): { platform: { os: string; architecture: string } } => ({
    platform: { os: 'linux', architecture },
  });
  const attestation = { 'vnd.docker.reference.type': 'attestation-manifest' };
  const manifests = [
    { ...(await layout.image({ layers: [debianLayer] })), ...platform('amd64') },
    { ...(await layout.image({ layers: [debianArmLayer], architecture: 'arm64' })), ...platform('arm64') },
    { ...(await layout.image({ layers: [{ a: 'b' }], architecture: 's390x' })), ...platform('s390x') },
    { ...(await layout.image({ layers: [{ sbom: 'x' }] })), annotations: attestation, ...platform('unknown') },
  ];
  const mediaType = 'application/vnd.oci.image.index.v1+json';
  const index = await layout.blob({ schemaVersion: 2, mediaType, manifests }, mediaType);
  await layout.finish(index);
  await check('tar', ['--create', '--file', join(directory, 'a.tar'), '--directory', layout.directory, '.']);
  const result = await into(`oci-archive:${directory}/a.tar`);
  t.match(result, { outcome: 'created', platforms: ['linux/amd64', 'linux/arm64'], skippedPlatforms: ['linux/s390x'] });
  await check('skopeo', ['copy', '--quiet', '--all', `oci-archive:${directory}/a-mpu.tar`, `oci:${directory}/copy:x`]);
  const copied = JSON.parse(await check('skopeo', ['inspect', '--raw', `oci:${directory}/copy:x`])) as {
    manifests: unknown[];
  };
  t.equal(copied.manifests.length, 3);
  t.match(await eject(`oci-archive:${directory}/a-mpu.tar`, { output: join(directory, 'b.tar') }), {
    isOriginal: true,
    digest: index.digest,
  });
  await check('skopeo', ['copy', '--quiet', '--all', `oci-archive:${directory}/b.tar`, `oci:${directory}/copy:y`]);
});

await t.test('a docker archive', { skip }, async (t) => {
  const { docker, directory } = await archivesOf(t, { layers: [debianLayer, { x: 'y' }] });
  const result = await into(`docker-archive:${docker}`);
  const made = join(directory, 'docker-mpu.tar');
  t.match(result, {
    outcome: 'created',
    store: 'docker-archive',
    image: `docker-archive:${made}:docker.io/library/app:1-mpu`,
  });
  const [listed] = JSON.parse(await check('tar', ['-xOf', made, 'manifest.json'])) as {
    Config: string;
    RepoTags: string[];
  }[];
  t.same(listed?.RepoTags, ['docker.io/library/app:1-mpu']);
  t.equal(
    `sha256:${listed?.Config.replace('.json', '') ?? ''}`,
    result.digest,
    'the image id is the digest of the configuration',
  );
  t.equal(await fileIn(t, `docker-archive:${made}`, 'etc/ld.so.preload'), `${PRELOAD_ENTRY}\n`);
  t.match(await into(`docker-archive:${docker}:app:1`), { outcome: 'unchanged' });
  t.match(await into(`docker-archive:${made}`), { outcome: 'already-injected', digest: result.digest });
  t.match(await into(`docker-archive:${docker}`, { tag: 'other:3', output: join(directory, 'x.tar') }), {
    image: /x.tar:other:3$/,
  });
  await t.rejects(into(`docker-archive:${docker}:none:1`), { code: 'tag-not-found', why: /docker.io\/library\/app:1/ });
});

await t.test(
  'docker archives of other programs: gzip layers, layers that are links, names of their own',
  { skip },
  async (t) => {
    const { docker, directory } = await archivesOf(t, { layers: [debianLayer, { x: 'y' }, { x: 'y' }] });
    const tree = join(directory, 'tree');
    await mkdir(join(tree, 'first'), { recursive: true });
    await mkdir(join(tree, 'second'));
    await check('tar', ['-xf', docker, '-C', tree]);
    const [listed] = JSON.parse(await readFile(join(tree, 'manifest.json'), 'utf8')) as {
      Config: string;
      Layers: [string, string, string];
    }[];
    if (listed === undefined) throw new Error('no image');
    execFileSync(
      'sh',
      [
        '-c',
        `cat ${listed.Layers[0]} | gzip >first/layer.tar && cp ${listed.Layers[1]} second/layer.tar && ln -s ../second/layer.tar first/link.tar`,
      ],
      { cwd: tree },
    );
    const Layers = ['first/layer.tar', 'second/layer.tar', 'first/link.tar'];
    await writeFile(join(tree, 'manifest.json'), JSON.stringify([{ Config: listed.Config, RepoTags: null, Layers }]));
    const odd = join(directory, 'odd.tar');
    await check('tar', ['-cf', odd, '-C', tree, 'manifest.json', listed.Config, 'first', 'second']);
    const result = await into(`docker-archive:${odd}`);
    t.match(result, { outcome: 'created', image: `docker-archive:${directory}/odd-mpu.tar` });
    t.equal(await fileIn(t, `docker-archive:${directory}/odd-mpu.tar`, 'x'), 'y');
  },
);

await t.test('a docker archive whose layers have no digests', { skip }, async (t) => {
  const archives = await archivesOf(t, { layers: [debianLayer] });
  const tree = join(archives.directory, 'tree');
  await mkdir(tree);
  const config = {
    os: 'linux',
    architecture: 'amd64',
    config: {},
    rootfs: { type: 'layers', diff_ids: ['sha256:../../x'] },
  };
  await writeFile(join(tree, 'config.json'), JSON.stringify(config));
  await writeFile(join(tree, 'layer.tar'), Buffer.alloc(1024));
  await writeFile(
    join(tree, 'manifest.json'),
    JSON.stringify([{ Config: 'config.json', RepoTags: null, Layers: ['layer.tar'] }]),
  );
  const crafted = join(archives.directory, 'crafted.tar');
  await check('tar', ['-cf', crafted, '-C', tree, '.']);
  await refuses(
    t,
    archives,
    `docker-archive:${crafted}`,
    { readLayers: 'never' },
    { code: 'archive-invalid', why: /does not list/ },
  );
});

await t.test('an output that is taken', { skip }, async (t) => {
  const archives = await archivesOf(t, { layers: [debianLayer] });
  const { oci, docker, directory } = archives;
  for (const source of [`oci-archive:${oci}`, `docker-archive:${docker}`]) {
    const taken = join(directory, 'taken');
    await writeFile(taken, 'something else');
    await refuses(t, archives, source, { output: taken }, { code: 'target-exists', next: /--force/ });
    t.equal(await readFile(taken, 'utf8'), 'something else');
    t.match(await into(source, { output: taken, force: true }), { outcome: 'replaced' });
    t.match(
      await into(source, { output: taken, tag: 'b:2'.replace(':', source.startsWith('oci') ? '-' : ':') }),
      { outcome: 'replaced' },
      'mpu made it',
    );
  }
  await symlink(oci, join(directory, 'link.tar'));
  for (const [source, output] of [
    [`oci-archive:${oci}`, oci],
    [`oci-archive:${oci}`, join(directory, 'link.tar')],
    [`docker-archive:${docker}`, `${directory}/./docker.tar`],
  ] as const) {
    const bytes = await readFile(output);
    await refuses(t, archives, source, { output }, { code: 'target-is-source', exitCode: 2 });
    const made = join(directory, 'made-mpu.tar');
    await into(source, { output: made, force: true });
    const injected = await readFile(made);
    await t.rejects(
      eject(`${source.split(':')[0] ?? ''}:${made}`, { output: made }),
      { code: 'target-is-source' },
      'also where mpu made the source',
    );
    t.same(await readFile(made), injected);
    t.same(await readFile(output), bytes);
  }
  t.match(
    await into(`oci-archive:${oci}`, { output: oci, force: true }),
    { outcome: 'replaced' },
    'in place, when asked to',
  );
  t.match(await into(`oci-archive:${oci}`), { outcome: 'already-injected' });
  await t.rejects(into('oci:x', { output: 'y' }), { code: 'usage', exitCode: 2 });
});

await t.test('what is no usable archive', { skip }, async (t) => {
  const archives = await archivesOf(t, { layers: [debianLayer, { big: 'x'.repeat(300_000) }] });
  const { oci, docker, directory } = archives;
  await check('gzip', ['--keep', oci]);
  await refuses(t, archives, `oci-archive:${oci}.gz`, {}, { code: 'archive-compressed', next: /gunzip/ });
  await refuses(t, archives, `oci-archive:${directory}/none`, {}, { code: 'file-error', why: /ENOENT/ });
  await refuses(t, archives, `oci-archive:${docker}`, {}, { code: 'layout-invalid', why: /no oci-layout/ });
  await refuses(t, archives, `docker-archive:${oci}`, {}, { code: 'archive-invalid', why: /no manifest.json/ });
  await refuses(
    t,
    archives,
    `docker-archive:${libraries}/x86_64/libmpu.so`,
    {},
    { code: 'archive-invalid', why: /no tar archive/ },
  );
  const cut = join(directory, 'cut.tar');
  await writeFile(cut, (await readFile(docker)).subarray(0, 200_000));
  await refuses(t, archives, `docker-archive:${cut}`, {}, { code: 'archive-invalid', why: /ends too early/ });
  // One byte of a layer's data, which no reading of names meets.
  const file = await open(docker, 'r+');
  await file.write(Buffer.from('!'), 0, 1, (await readFile(docker)).indexOf('x'.repeat(1000)) + 500);
  await file.close();
  await refuses(t, archives, `docker-archive:${docker}`, {}, { code: 'layer-damaged', why: /digest/ });
});

await t.test('an interrupt while copying', { skip }, async (t) => {
  const archives = await archivesOf(t, { layers: [debianLayer, { big: 'x'.repeat(5_000_000) }] });
  const interrupt = new AbortController();
  const onProgress = (line: string): void => {
    if (line.startsWith('copying')) interrupt.abort('SIGINT');
  };
  await refuses(
    t,
    archives,
    `docker-archive:${archives.docker}`,
    { signal: interrupt.signal, onProgress },
    { code: 'interrupted', exitCode: 130 },
  );
});

const root = await lacking(['mount'], true);
await t.test('a full disk', { skip: root === false ? skip : root }, async (t) => {
  const archives = await archivesOf(t, { layers: [debianLayer, { big: randomBytes(3_000_000) }] });
  const small = await mkdtemp(join(tmpdir(), 'mpu-small-'));
  await check('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', small]);
  t.teardown(async () => {
    await check('umount', [small]);
    await rmdir(small);
  });
  for (const source of [`docker-archive:${archives.docker}`, `oci-archive:${archives.oci}`]) {
    const before = await readdir(small);
    await t.rejects(into(source, { output: join(small, 'x.tar') }), { code: 'disk-full' }, source);
    t.same(await readdir(small), before, 'nothing was left behind');
  }
  const layout = new TinyLayout(join(small, 'layout'));
  await layout.finish(await layout.image({ layers: [debianLayer], tag: '1' }));
  await writeFile(join(small, 'filler'), Buffer.alloc(2_000_000)).catch(() => undefined);
  const before = await layout.snapshot();
  await t.rejects(into(`oci:${layout.directory}`), { code: 'disk-full' });
  t.same(await layout.snapshot(), before);
});
