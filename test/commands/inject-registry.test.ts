// SPDX-License-Identifier: GPL-2.0-only
/** `mpu inject docker://...` on the real registry, checked by skopeo; what went over the wire is in its access log. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { inject } from '#mpu/lib/inject.js';
import type { Descriptor } from '#mpu/lib/oci/descriptor.js';
import { lacking } from '../support/engines.js';
import { check, checkout, mpu } from '../support/mpu.js';
import {
  document,
  home,
  inspect,
  pushImage,
  rawManifest,
  registry,
  scratch,
  skopeo,
} from '../support/registry-images.js';
import { TinyLayout, writeStandInLibraries } from '../support/tiny-layout.js';

const skip = await lacking(['docker-registry', 'skopeo']);
const digestOf = (data: string): string => `sha256:${createHash('sha256').update(data).digest('hex')}`;

await t.test('an image gets a layer; those that are there stay where they are', { skip }, async (t) => {
  const { host, requests } = await registry(t);
  const env = await home(t);
  const source = `docker://${host}/team/app:1`;
  const base = await pushImage(t, source, ['linux/amd64']);
  const before = await rawManifest(source);
  await requests();
  const ended = await mpu(['inject', source, '--json'], { env });
  t.match(ended, { status: 0, stderr: /^.*LD_PRELOAD.*\n$/ }, 'it says that it did not look');
  const result = document(ended);
  t.match(result, {
    outcome: 'created',
    image: `docker://${host}/team/app:1-mpu`,
    platforms: ['linux/amd64'],
    skippedPlatforms: [],
  });

  const log = await requests();
  const blobs = log.filter(({ path }) => base.some((digest) => path.includes(digest)));
  t.same(blobs, [], 'no base layer was asked for');
  t.equal(
    log.filter(({ method }) => method === 'GET').length,
    2 + 1,
    'the manifest, the configuration, and whether the tag is taken',
  );
  t.match(
    log.at(-1),
    { method: 'PUT', path: '/v2/team/app/manifests/1-mpu', status: 201 },
    'the tag is the last thing',
  );
  t.equal(
    log.filter(({ method, path }) => method === 'PUT' && path.includes('/blobs/')).length,
    2,
    'a layer and a configuration were sent',
  );

  t.equal(await rawManifest(source), before, 'the source is as it was');
  const injected = await inspect(`docker://${host}/team/app:1-mpu`);
  t.equal(digestOf(injected.raw), result.digest);
  t.same(injected.layers.slice(0, -1), base);
  t.equal(injected.layers.length, base.length + 1);
  t.ok(
    injected.environment.some((entry) => entry.startsWith('LD_PRELOAD=/usr/lib/mpu/')),
    'loaded without a look into the layers',
  );
  const copy = join(await scratch(t), 'copy');
  await skopeo('copy', '--quiet', '--src-tls-verify=false', `docker://${host}/team/app:1-mpu`, `oci:${copy}:x`);

  await t.test('again: nothing is sent', async (t) => {
    await requests();
    t.match(document(await mpu(['inject', source, '--json'], { env })), {
      outcome: 'unchanged',
      digest: result.digest,
      sizeAdded: 0,
    });
    t.notOk((await requests()).some(({ method }) => method !== 'GET' && method !== 'HEAD'));
    t.match(document(await mpu(['inject', `${source}-mpu`, '--json'], { env })), {
      outcome: 'already-injected',
      digest: result.digest,
    });
  });

  await t.test('what has the name: an older one of mpu is replaced, another only by force', async (t) => {
    const other = join(await scratch(t), 'libraries');
    await writeStandInLibraries(other, 'newer');
    const again = await mpu(['inject', source, '--json', '--library-dir', other], { env });
    t.match(document(again), { outcome: 'replaced' });
    await skopeo(
      'copy',
      '--quiet',
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
      source,
      `docker://${host}/team/app:taken`,
    );
    const refused = await mpu(['inject', source, '--tag', 'taken', '--json'], { env });
    t.match(refused.status, 1);
    t.match(document(refused), { error: { code: 'target-exists' } });
    t.equal(await rawManifest(`docker://${host}/team/app:taken`), before);
    t.match(document(await mpu(['inject', source, '--tag', 'taken', '--json', '--force'], { env })), {
      outcome: 'replaced',
    });
  });

  await t.test('something else that has the name', async (t) => {
    const chart = join(await scratch(t), 'chart');
    const layout = new TinyLayout(chart);
    const config = await layout.blob({}, 'application/vnd.cncf.helm.config.v1+json');
    const type = 'application/vnd.oci.image.manifest.v1+json';
    const manifest = await layout.blob({ schemaVersion: 2, mediaType: type, config, layers: [] }, type);
    await layout.finish({ ...manifest, annotations: { 'org.opencontainers.image.ref.name': '1' } });
    await skopeo('copy', '--quiet', '--dest-tls-verify=false', `oci:${chart}:1`, `docker://${host}/team/app:chart`);
    const refused = await mpu(['inject', source, '--tag', 'chart', '--json'], { env });
    t.match(document(refused), { error: { code: 'target-exists' } });
  });

  await t.test('by digest', async (t) => {
    const byDigest = `docker://${host}/team/app@${digestOf(before)}`;
    t.match(await mpu(['inject', byDigest], { env }), { status: 2, stderr: /named by its digest[^]*--tag TAG/ });
    t.match(document(await mpu(['inject', byDigest, '--tag', 'pinned', '--json'], { env })), {
      outcome: 'created',
      digest: result.digest,
    });
  });

  await t.test('with a look into the layers: ld.so.preload', async (t) => {
    await requests();
    const read = await inject(source, {
      tag: 'read',
      readLayers: 'always',
      plainHttp: true,
      libraryDirectory: env.MPU_LIBRARY_DIR ?? '',
    });
    t.match(read, { outcome: 'created', image: `docker://${host}/team/app:read` });
    t.ok(
      (await requests()).some(({ path }) => base.some((digest) => path.endsWith(`blobs/${digest}`))),
      'they were downloaded',
    );
    const { environment } = await inspect(`docker://${host}/team/app:read`);
    t.notOk(environment.some((entry) => entry.startsWith('LD_PRELOAD=')));
  });
});

await t.test('an index: each platform its own library', { skip }, async (t) => {
  const { host, requests } = await registry(t);
  const env = await home(t);
  const source = `docker://${host}/multi:1`;
  const base = await pushImage(t, source, ['linux/amd64', 'linux/arm64', 'windows/amd64']);
  await requests();
  const result = document(await mpu(['inject', source, '--json'], { env }));
  t.match(result, {
    outcome: 'created',
    platforms: ['linux/amd64', 'linux/arm64'],
    skippedPlatforms: ['windows/amd64'],
  });
  t.notOk((await requests()).some(({ path }) => base.some((digest) => path.includes(digest))));
  const index = JSON.parse(await rawManifest(result.image)) as { manifests: Descriptor[] };
  const old = JSON.parse(await rawManifest(source)) as { manifests: Descriptor[] };
  t.same(
    index.manifests.map(({ platform }) => platform),
    old.manifests.map(({ platform }) => platform),
  );
  t.same(index.manifests[2], old.manifests[2], 'left alone');
  for (const { digest } of index.manifests.slice(0, 2))
    t.equal((await inspect(`docker://${host}/multi@${digest}`)).layers.length, 3);

  await t.test('to another repository: mounted, with every platform', async (t) => {
    await requests();
    const pushed = document(
      await mpu(['inject', source, '--push-to', `docker://${host}/other/multi:2`, '--json'], { env }),
    );
    t.match(pushed, { outcome: 'created', image: `docker://${host}/other/multi:2`, digest: result.digest });
    const log = await requests();
    const mounts = log.filter(({ path }) => base.some((digest) => path.includes(encodeURIComponent(digest))));
    t.equal(mounts.length, base.length);
    t.ok(mounts.every(({ method, status }) => method === 'POST' && status === 201));
    t.notOk(
      log.some(({ path }) => base.some((digest) => path.includes(`blobs/${digest}`))),
      'no base layer moved',
    );
    await skopeo(
      'copy',
      '--quiet',
      '--all',
      '--src-tls-verify=false',
      pushed.image,
      `oci:${join(await scratch(t), 'copy')}:x`,
    );
  });

  await t.test('to another registry: streamed', async (t) => {
    const second = await registry(t);
    const to = `docker://${second.host}/far/multi`;
    const pushed = document(await mpu(['inject', source, '--push-to', to, '--json'], { env }));
    t.match(pushed, { outcome: 'created', image: `${to}:1-mpu`, digest: result.digest });
    await skopeo(
      'copy',
      '--quiet',
      '--all',
      '--src-tls-verify=false',
      pushed.image,
      `oci:${join(await scratch(t), 'copy')}:x`,
    );
    await second.requests();
    t.match(document(await mpu(['inject', source, '--push-to', `${to}:again`, '--json'], { env })), {
      outcome: 'created',
    });
    t.notOk(
      (await second.requests()).some(({ method, path }) => method !== 'HEAD' && path.includes('/blobs/')),
      'what is there is not sent again',
    );
  });
});

await t.test("docker's own format", { skip }, async (t) => {
  const { host } = await registry(t);
  const env = await home(t);
  const source = `docker://${host}/app:1`;
  await pushImage(t, source, ['linux/amd64', 'linux/arm64'], ['--format', 'v2s2']);
  const result = document(
    await mpu(['inject', source, '--json'], { env: { ...env, MPU_PUSH_TO: `docker://${host}/other` } }),
  );
  t.match(result, { outcome: 'created', image: `docker://${host}/other:1-mpu` });
  const list = JSON.parse(await rawManifest(result.image)) as { mediaType: string; manifests: Descriptor[] };
  t.equal(list.mediaType, 'application/vnd.docker.distribution.manifest.list.v2+json');
  for (const { digest, mediaType } of list.manifests) {
    t.equal(mediaType, 'application/vnd.docker.distribution.manifest.v2+json');
    const { layers } = JSON.parse(await rawManifest(`docker://${host}/other@${digest}`)) as { layers: Descriptor[] };
    t.same(
      layers.map((layer) => layer.mediaType),
      Array(3).fill('application/vnd.docker.image.rootfs.diff.tar.gzip'),
    );
  }
  await skopeo(
    'copy',
    '--quiet',
    '--all',
    '--src-tls-verify=false',
    result.image,
    `oci:${join(await scratch(t), 'copy')}:x`,
  );
});

await t.test('names that cannot be', async (t) => {
  const env = await home(t);
  const usage = async (why: RegExp, ...args: string[]): Promise<void> => {
    const ended = await mpu(['inject', ...args], { env });
    t.match(ended, { status: 2, stdout: '', stderr: why }, args.join(' '));
  };
  await usage(/not NAME/, 'docker://127.0.0.1:1/App:1');
  await usage(/--push-to is for images of registries/, 'app', '--push-to', 'docker://127.0.0.1:1/app');
  await usage(/begins with docker:/, 'docker://127.0.0.1:1/app', '--push-to', '127.0.0.1:1/app');
  await usage(/it is in no engine/, 'docker://127.0.0.1:1/app', '--engine', 'docker');
});

await t.test(
  'nothing but the result in a pipe, progress on a terminal',
  { skip: await lacking(['docker-registry', 'skopeo', 'script']) },
  async (t) => {
    const { host } = await registry(t);
    const env = await home(t);
    await pushImage(t, `docker://${host}/app:1`, ['linux/amd64']);
    const cli = join(checkout, 'dist/cli.js');
    const log = join(await scratch(t), 'typescript');
    await check('script', ['--quiet', '--command', `${process.execPath} ${cli} inject docker://${host}/app:1`, log], {
      env,
    });
    const shown = await readFile(log, 'utf8');
    t.match(shown, /reading the manifest of docker:/);
    t.match(shown, /moving the tag/);
    t.match(shown, /:1-mpu/);
  },
);
