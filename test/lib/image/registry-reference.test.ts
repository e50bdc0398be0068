// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { parseRegistryReference, registryName } from '#mpu/lib/image/registry-reference.js';

const digest = `sha256:${'0'.repeat(64)}`;

await t.test('names as skopeo and podman write them', (t) => {
  const parsed = (text: string): unknown => {
    const { host, repository, tag, digest: named } = parseRegistryReference(`docker://${text}`);
    return [host, repository, tag, named];
  };
  t.same(parsed('reg.example/team/app:1.2'), ['reg.example', 'team/app', '1.2', undefined]);
  t.same(parsed('localhost/app'), ['localhost', 'app', 'latest', undefined]);
  t.same(parsed('localhost:5000/a/b/c:t'), ['localhost:5000', 'a/b/c', 't', undefined]);
  t.same(parsed('[::1]:5000/app'), ['[::1]:5000', 'app', 'latest', undefined]);
  t.same(parsed(`reg.example/app@${digest}`), ['reg.example', 'app', undefined, digest]);
  t.same(parsed(`reg.example/app:1@${digest}`), ['reg.example', 'app', '1', digest]);
  t.same(parsed('debian'), ['docker.io', 'library/debian', 'latest', undefined]);
  t.same(parsed('nvidia/cuda:12'), ['docker.io', 'nvidia/cuda', '12', undefined]);
  for (const host of ['docker.io', 'index.docker.io', 'registry-1.docker.io']) {
    t.same(parsed(`${host}/debian:13`), ['docker.io', 'library/debian', '13', undefined]);
  }
  t.end();
});

await t.test('what is no name', (t) => {
  for (const text of [
    '',
    'reg.example/',
    'reg.example/App',
    'reg.example/app:',
    'reg.example/app:a b',
    'a@b.c/app',
    '../x:1',
    'reg.example/../x',
    'reg.example/app@sha256:12',
    'reg.example:x/app',
    `reg.example/${'a'.repeat(256)}`,
  ]) {
    t.throws(() => parseRegistryReference(`docker://${text}`), { code: 'invalid-reference', exitCode: 2 }, text);
  }
  t.end();
});

await t.test('names of other tags and digests of the repository', (t) => {
  const reference = parseRegistryReference('docker://nvidia/cuda:12');
  t.equal(registryName(reference, '12-mpu'), 'docker://docker.io/nvidia/cuda:12-mpu');
  t.equal(registryName(reference, digest), `docker://docker.io/nvidia/cuda@${digest}`);
  t.end();
});
