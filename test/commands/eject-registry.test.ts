// SPDX-License-Identifier: GPL-2.0-only
/** `mpu eject docker://...` and `mpu inspect docker://...` on the real registry. */
import { join } from 'node:path';
import t from 'tap';
import type { Descriptor } from '#mpu/lib/oci/descriptor.js';
import { lacking } from '../support/engines.js';
import { check, mpu } from '../support/mpu.js';
import { home, pushImage, rawManifest, registry, scratch, skopeo } from '../support/registry-images.js';

const skip = await lacking(['docker-registry', 'skopeo', 'umoci']);

interface Answer {
  outcome: string;
  image: string;
  digest: string;
  isOriginal: boolean;
  state: string;
  platforms: { state: string; version?: string; isOnTop?: boolean; libc?: string }[];
  error?: { code: string };
}

await t.test('one platform', { skip }, async (t) => {
  const { host, requests } = await registry(t);
  const env = await home(t);
  const ask = async (...args: string[]): Promise<Answer> =>
    JSON.parse((await mpu([...args, '--json'], { env })).stdout) as Answer;
  const source = `docker://${host}/team/app:1`;
  const base = await pushImage(t, source, ['linux/amd64']);
  const original = await rawManifest(source);
  const baseRequests = async (): Promise<number> =>
    (await requests()).filter(({ path }) => base.some((digest) => path.includes(digest))).length;
  await requests();

  t.match(await ask('inspect', source), { image: source, state: 'unknown' }, 'its layers were not read');
  t.match(await ask('eject', source), { outcome: 'not-injected', image: source });
  t.match(await ask('inject', source), { outcome: 'created' });
  t.match(await ask('inspect', `${source}-mpu`), {
    state: 'injected',
    platforms: [{ state: 'injected', isOnTop: true }],
  });

  t.match(
    await ask('eject', `${source}-mpu`),
    { outcome: 'unchanged', image: source, isOriginal: true },
    'the source is there',
  );
  const clean = await ask('eject', `${source}-mpu`, '--tag', 'clean');
  t.match(clean, { outcome: 'created', image: `docker://${host}/team/app:clean`, isOriginal: true });
  t.equal(await rawManifest(clean.image), original);
  t.equal(await baseRequests(), 0, 'no base layer was asked for');

  await t.test('where the original is not', async (t) => {
    const far = await registry(t);
    const pushed = await ask('inject', source, '--push-to', `docker://${far.host}/far`);
    const ejected = await ask('eject', pushed.image, '--tag', 'clean');
    t.match(ejected, { outcome: 'created', image: `docker://${far.host}/far:clean` });
    t.equal(await rawManifest(ejected.image), original);
    t.match(await ask('inspect', ejected.image, '--read-layers', 'always'), {
      state: 'not-injected',
      platforms: [{ libc: 'glibc' }],
    });
  });

  await t.test('under layers of others', async (t) => {
    const layout = join(await scratch(t), 'layout');
    await skopeo('copy', '--quiet', '--src-tls-verify=false', `${source}-mpu`, `oci:${layout}:1`);
    await check('umoci', ['insert', '--rootless', '--image', `${layout}:1`, await scratch(t), '/usr/share/something']);
    await skopeo('copy', '--quiet', '--dest-tls-verify=false', `oci:${layout}:1`, `docker://${host}/team/app:built`);
    t.match(await ask('inspect', `docker://${host}/team/app:built`), { platforms: [{ isOnTop: false }] });
    t.match(await ask('eject', `docker://${host}/team/app:built`), { error: { code: 'layers-unread' } });
    const covered = await ask('eject', `docker://${host}/team/app:built`, '--read-layers', 'always');
    t.match(covered, { outcome: 'created', image: `docker://${host}/team/app:built-no-mpu`, isOriginal: false });
    t.match(await ask('inspect', covered.image, '--read-layers', 'always'), { state: 'not-injected' });
  });
});

await t.test('an index', { skip }, async (t) => {
  const { host, requests } = await registry(t);
  const env = await home(t);
  const ask = async (...args: string[]): Promise<Answer> =>
    JSON.parse((await mpu([...args, '--json'], { env })).stdout) as Answer;
  const source = `docker://${host}/multi:1`;
  const base = await pushImage(t, source, ['linux/amd64', 'linux/arm64']);
  const original = await rawManifest(source);
  const injected = await ask('inject', source);
  t.equal((JSON.parse(await rawManifest(injected.image)) as { manifests: Descriptor[] }).manifests.length, 2);
  await requests();
  t.match(await ask('inspect', injected.image), {
    state: 'injected',
    platforms: [{ state: 'injected' }, { state: 'injected' }],
  });
  const ejected = await ask('eject', injected.image, '--tag', 'clean');
  t.match(ejected, { outcome: 'created', isOriginal: true });
  t.equal(await rawManifest(ejected.image), original);
  t.notOk((await requests()).some(({ path }) => base.some((digest) => path.includes(digest))));
});
