// SPDX-License-Identifier: GPL-2.0-only
/** A registry that fails during `mpu inject docker://...`. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { lacking } from '../support/engines.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { mpu } from '../support/mpu.js';
import { home, pushImage, scratch, skopeo } from '../support/registry-images.js';
import { writeStandInLibraries } from '../support/tiny-layout.js';

const skip = await lacking(['skopeo']);

await t.test('a registry that fails leaves the tag as it was', { skip }, async (t) => {
  const fake = await FakeRegistry.start();
  t.teardown(() => fake.stop());
  const env = await home(t);
  const source = `docker://${fake.host}/app:1`;
  await pushImage(t, source, ['linux/amd64', 'linux/arm64']);
  t.match(await mpu(['inject', source], { env }), { status: 0 });
  const old = fake.manifests.get('app:1-mpu');
  await skopeo(
    'copy',
    '--quiet',
    '--all',
    '--src-tls-verify=false',
    '--dest-tls-verify=false',
    source,
    `docker://${fake.host}/app:2`,
  );
  const newer = join(await scratch(t), 'libraries');
  await writeStandInLibraries(newer, 'newer');
  const again = ['inject', source, '--library-dir', newer];
  const cases: [name: string, pattern: RegExp, status: number | 'drop', expected: object][] = [
    ['a blob is refused', /^PUT .*blobs/, 403, { status: 4, stderr: /answered 403/ }],
    ['no upload may start', /^POST .*blobs/, 401, { status: 4, stderr: /answered 401/ }],
    [
      'a blob is too large',
      /^(PUT|PATCH) .*blobs/,
      413,
      { status: 1, stderr: /answered 413[^]*limit of the request size/ },
    ],
    ['the connection drops in a blob', /^PUT .*blobs/, 'drop', { status: 1, stderr: /socket hang up[^]*run it again/ }],
    ['a manifest is refused', /^PUT .*manifests\/sha256/, 400, { status: 1, stderr: /answered 400/ }],
    ['the tag is refused', /^PUT .*manifests\/1-mpu/, 403, { status: 4, stderr: /cannot write docker:.*1-mpu/ }],
    ['the connection drops at the tag', /^PUT .*manifests\/1-mpu/, 'drop', { status: 1 }],
    ['the configuration is missing', /^GET .*blobs/, 404, { status: 1, stderr: /answered 404/ }],
  ];
  for (const [name, pattern, status, expected] of cases) {
    fake.misbehave = (request, response) => {
      if (!pattern.test(`${request.method} ${request.url}`)) return false;
      if (status === 'drop') request.socket.destroy();
      else response.writeHead(status).end();
      return true;
    };
    const ended = await mpu(again, { env });
    t.match(ended, { ...expected, stdout: '' }, name);
    t.match(ended.stderr, /error: .*\n {2}why: .*\n {2}next: /);
    t.equal(fake.manifests.get('app:1-mpu'), old, `${name}: the tag is where it was`);
  }

  await t.test('an interrupt', async (t) => {
    const third = join(await scratch(t), 'libraries');
    await writeStandInLibraries(third, 'third');
    let interrupt = (): void => undefined;
    const onStart = (child: ChildProcess): void => {
      interrupt = () => void child.kill('SIGINT');
    };
    fake.misbehave = (request) => {
      if (request.method === 'POST') interrupt();
      return request.method === 'POST';
    };
    const ended = await mpu(['inject', source, '--library-dir', third], { env, onStart });
    t.match(ended, { status: 130, stdout: '', stderr: /interrupted/ });
    t.equal(fake.manifests.get('app:1-mpu'), old);

    await t.test('is too late once the tag is on its way', async (t) => {
      fake.misbehave = async (request) => {
        if (!request.url.endsWith('/manifests/late')) return false;
        if (request.method === 'PUT') interrupt();
        await sleep(300);
        return false;
      };
      const late = await mpu(['inject', source, '--tag', 'late'], { env, onStart });
      t.match(late, { status: 0, stdout: /:late\n/ });
      t.ok(fake.manifests.has('app:late'));
    });
  });

  let isLost = false;
  fake.misbehave = async (request, _response, body) => {
    if (isLost || request.method !== 'PUT' || !request.url.endsWith('manifests/1-mpu')) return false;
    isLost = true;
    fake.addManifest('app', '1-mpu', await body(), request.headers['content-type'] ?? '');
    request.socket.destroy();
    return true;
  };
  t.match(
    await mpu(again, { env }),
    { status: 0, stdout: /made again/ },
    'and then it works, also when the answer is lost once',
  );
  t.ok(isLost);
  t.not(fake.manifests.get('app:1-mpu'), old);
});
