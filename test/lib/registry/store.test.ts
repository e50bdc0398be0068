// SPDX-License-Identifier: GPL-2.0-only
/** Images whose manifests are not what they should be. */
import t, { type Test } from 'tap';
import { sha256 } from '#mpu/lib/image/digest.js';
import { injectImage } from '#mpu/lib/oci/inject-image.js';
import { inspectImage } from '#mpu/lib/oci/inspect-image.js';
import { parseRegistryReference } from '#mpu/lib/image/registry-reference.js';
import { RegistryStore } from '#mpu/lib/registry/store.js';
import { FakeRegistry } from '../../support/fake-registry.js';

const INDEX = 'application/vnd.oci.image.index.v1+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const env = { HOME: '/nonexistent' };

async function open(
  t: Test,
  mediaType: string,
  manifest: object,
): Promise<{ store: RegistryStore; registry: FakeRegistry }> {
  const registry = await FakeRegistry.start();
  t.teardown(() => registry.stop());
  registry.addManifest('app', '1', Buffer.from(JSON.stringify(manifest)), mediaType);
  const reference = parseRegistryReference(`docker://${registry.host}/app:1`);
  return { store: await RegistryStore.open(reference, { env, plainHttp: true }), registry };
}

await t.test('what an index calls a digest never becomes a path', async (t) => {
  for (const digest of ['secret', '../../other/manifests/1', 'sha256:12', 'sha256:../x']) {
    const member = { mediaType: MANIFEST, digest, size: 2, platform: { os: 'linux', architecture: 'amd64' } };
    const { store, registry } = await open(t, INDEX, { schemaVersion: 2, manifests: [member] });
    registry.addManifest('app', 'secret', Buffer.from('{}'), MANIFEST);
    registry.seen.length = 0;
    await t.rejects(inspectImage(store, {}), { code: 'registry-content', why: /no digest that is known/ }, digest);
    t.same(registry.seen, []);
    await t.rejects(store.readJson(member), { code: 'registry-content' });
  }
  for (const digest of ['x', '../../../v2/other/blobs/x']) {
    const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: 2 };
    const { store, registry } = await open(t, MANIFEST, { schemaVersion: 2, config, layers: [] });
    registry.seen.length = 0;
    await t.rejects(injectImage(store, {}), { code: 'registry-content', why: /no digest that is known/ });
    t.same(registry.seen, []);
  }
});

await t.test('sizes and contents that contradict the descriptor', async (t) => {
  const data = Buffer.from('{"schemaVersion":2}');
  const member = { mediaType: MANIFEST, digest: sha256(data), size: data.length + 1 };
  const { store, registry } = await open(t, INDEX, { schemaVersion: 2, manifests: [member] });
  registry.addManifest('app', 'other', data, MANIFEST);
  await t.rejects(store.readJson(member), { code: 'registry-content', why: /has 19 bytes instead of 20/ });
  const text = registry.addBlob('app', Buffer.from('no JSON'));
  await t.rejects(store.readJson({ mediaType: 'x', digest: text, size: 7 }), {
    code: 'registry-content',
    why: /is no JSON/,
  });
  const list = registry.addBlob('app', Buffer.from('[]'));
  await t.rejects(store.readJson({ mediaType: 'x', digest: list, size: 2 }), {
    code: 'registry-content',
    why: /no JSON object/,
  });
  await t.rejects(store.readJson({ mediaType: 'x', digest: list, size: 5 << 20 }), {
    code: 'registry-content',
    why: /too large/,
  });
});

await t.test('manifests that are looked for', async (t) => {
  const { store, registry } = await open(t, INDEX, { schemaVersion: 2, manifests: [] });
  const digest = registry.addManifest('app', 'other', Buffer.from('{"schemaVersion":2}'), MANIFEST);
  t.same(await store.findManifest(digest), { mediaType: MANIFEST, digest, size: 19 });
  t.equal(await store.findManifest(sha256(Buffer.from('nothing'))), undefined);
  t.equal(await store.findManifest('other'), undefined, 'a tag is no digest');
});
