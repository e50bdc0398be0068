// SPDX-License-Identifier: GPL-2.0-only
/** Packages from mirrors in a bad state: a suite that is gone, a mirror that is down for a while or for good. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { PrivateApt } from '#mpu/lib/nvidia-clients/apt-download.js';
import type { AptSource } from '#mpu/lib/nvidia-clients/apt-sources.js';
import { addPackage, configureApt, indexOf, mirrorOf } from '../../support/apt-repository.js';

const root = t.testdir();
const ARCHITECTURE = 'amd64';
for (const version of ['1', '2']) {
  const files = { 'usr/share/tool': `version ${version}` };
  await addPackage(root, indexOf('stable', ARCHITECTURE), { name: 'tool', version, files, architecture: ARCHITECTURE });
}
await addPackage(root, indexOf('stable', 'arm64'), { name: 'tool', version: '3', architecture: 'arm64' });

const source = (uri: string, ...suites: string[]): AptSource => ({
  uris: [uri],
  suites,
  components: ['main'],
  signedBy: undefined,
  trusted: true,
});
const unpacked = (directory: string): Promise<string> => readFile(join(directory, 'usr', 'share', 'tool'), 'utf8');

await t.test('the newest version, of the wanted architecture', async (t) => {
  const directory = t.testdir();
  const apt = await PrivateApt.open(directory, [source(`file:${root}`, 'stable')], ARCHITECTURE);
  t.equal(apt.complaints, '');
  t.same(await apt.versions(['tool']), [
    { name: 'tool', version: '2' },
    { name: 'tool', version: '1' },
  ]);
  await apt.unpackNewest(['tool'], join(directory, 'target'));
  t.equal(await unpacked(join(directory, 'target')), 'version 2');
  const other = await PrivateApt.open(join(directory, 'other'), [source(`file:${root}`, 'stable')], 'arm64');
  t.same(await other.versions(['tool']), [{ name: 'tool', version: '3' }]);
});

await t.test('a suite that is gone', async (t) => {
  const directory = t.testdir();
  const apt = await PrivateApt.open(directory, [source(`file:${root}`, 'stable', 'gone')], ARCHITECTURE);
  t.match(apt.complaints, /gone/, 'is named');
  await apt.unpackNewest(['tool'], join(directory, 'target'));
  t.equal(await unpacked(join(directory, 'target')), 'version 2', 'the other one serves');
  await t.rejects(apt.unpackNewest(['absent'], join(directory, 'target')), {
    message: /finds no package absent; it said: .*gone/s,
  });
});

await t.test('a mirror that refuses connections for a while', async (t) => {
  const mirror = await mirrorOf(root, { refusesFor: 2_000 });
  t.teardown(() => mirror.close());
  const directory = t.testdir();
  const apt = await PrivateApt.open(directory, [source(mirror.url, 'stable')], ARCHITECTURE);
  t.equal(apt.complaints, '');
  await apt.unpackNewest(['tool'], join(directory, 'target'));
  t.equal(await unpacked(join(directory, 'target')), 'version 2');
});

await t.test('a mirror that is overloaded for a while', async (t) => {
  const mirror = await mirrorOf(root, { failures: 1, status: 503 });
  t.teardown(() => mirror.close());
  const directory = t.testdir();
  const apt = await PrivateApt.open(directory, [source(mirror.url, 'stable')], ARCHITECTURE);
  await apt.unpackNewest(['tool'], join(directory, 'target'));
  t.equal(await unpacked(join(directory, 'target')), 'version 2');
  const asked = mirror.requests.filter((path) => path.endsWith('.deb'));
  t.equal(asked.length, 2, 'the package was asked for again');
});

await t.test('a mirror that stays down', async (t) => {
  const directory = t.testdir({ state: {}, target: {} });
  const mirror = await mirrorOf(root);
  const restore = await configureApt(directory, [], 0);
  t.teardown(restore);
  const state = join(directory, 'state');
  await PrivateApt.open(state, [source(mirror.url, 'stable')], ARCHITECTURE);
  await mirror.close();

  const again = await PrivateApt.open(state, [source(mirror.url, 'stable')], ARCHITECTURE);
  t.match(again.complaints, /refused/, 'for apt it is a warning');
  t.equal((await again.versions(['tool'])).length, 2, 'the index that was kept is used');
  await t.rejects(again.unpackNewest(['tool'], join(directory, 'target')), {
    message: /cannot download tool 2.*refused/s,
  });

  const fresh = await PrivateApt.open(join(directory, 'fresh'), [source(mirror.url, 'stable')], ARCHITECTURE);
  await t.rejects(fresh.unpackNewest(['tool'], join(directory, 'target')), {
    message: /finds no package tool; it said: .*refused/s,
  });
});
