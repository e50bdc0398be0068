// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { MpuError } from '#mpu/lib/errors.js';
import { canonicalName, parseImageReference } from '#mpu/lib/image/reference.js';
import { archiveTarget, layoutTarget, engineTarget } from '#mpu/lib/image/target-names.js';

const digest = `sha256:${'a'.repeat(64)}`;

const engine = (text: string): Extract<ReturnType<typeof parseImageReference>, { kind: 'engine' }> => {
  const parsed = parseImageReference(text);
  if (parsed.kind !== 'engine') throw new Error(`${text} is no engine's image`);
  return parsed;
};

const layout = (text: string): Extract<ReturnType<typeof parseImageReference>, { kind: 'oci' }> => {
  const parsed = parseImageReference(text);
  if (parsed.kind !== 'oci') throw new Error(`${text} is in no layout`);
  return parsed;
};

await t.test('names of images in engines', (t) => {
  t.match(engine('app'), { name: 'app', tag: undefined, digest: undefined });
  t.match(engine('app:1.2-x'), { name: 'app', tag: '1.2-x' });
  t.match(engine('localhost:5000/team/app'), { name: 'localhost:5000/team/app', tag: undefined });
  t.match(engine('registry.example:5000/a/b__c:7'), { name: 'registry.example:5000/a/b__c', tag: '7' });
  t.match(engine(`app:1@${digest}`), { name: 'app', tag: '1', digest });
  t.match(engine('docker:24-dind'), { name: 'docker', tag: '24-dind' });
  t.match(engine(digest), { name: digest, tag: undefined });
  t.match(engine('0123456789ab'), { name: '0123456789ab', tag: undefined });
  t.end();
});

await t.test('images in OCI layouts', (t) => {
  t.match(layout('oci:/a/b:1'), { directory: '/a/b', tag: '1' });
  t.match(layout('oci:dir'), { directory: 'dir', tag: undefined });
  t.match(layout('oci:dir:registry.example/app:1'), { directory: 'dir', tag: 'registry.example/app:1' });
  t.end();
});

await t.test('images in archives', (t) => {
  t.match(parseImageReference('oci-archive:a/b.tar:1'), { kind: 'oci-archive', file: 'a/b.tar', tag: '1' });
  t.match(parseImageReference('docker-archive:b.tar'), { kind: 'docker-archive', file: 'b.tar', tag: undefined });
  t.match(parseImageReference('docker-archive:b.tar:r:5000/app:1'), { file: 'b.tar', tag: 'r:5000/app:1' });
  t.equal(archiveTarget('a/b.tar', { verb: 'inject' }), 'a/b-mpu.tar');
  t.equal(archiveTarget('a/b-mpu.tar', { verb: 'eject' }), 'a/b.tar');
  t.equal(archiveTarget('b', { verb: 'eject' }), 'b-no-mpu');
  t.equal(archiveTarget('b', { verb: 'inject', output: 'c.tar' }), 'c.tar');
  t.end();
});

await t.test('what is no image', (t) => {
  for (const text of [
    '',
    '-v',
    '--help',
    'App',
    'a b',
    'app:',
    'app:.x',
    'app@sha256:1',
    'oci:',
    'oci:d:',
    '../x',
    'a//b',
    'oci-archive:',
    'docker-archive:x.tar:A:b',
  ]) {
    t.throws(() => parseImageReference(text), { code: 'invalid-reference', exitCode: 2 }, JSON.stringify(text));
  }
  for (const text of ['docker-daemon:app:1', 'containers-storage:app']) {
    t.match(
      t.throws(() => parseImageReference(text)),
      { why: /^images are taken from/, next: /^skopeo copy/ },
      text,
    );
  }
  t.end();
});

await t.test('equal names', (t) => {
  for (const name of ['docker.io/library/app', 'localhost/app:latest', 'app', 'docker.io/app']) {
    t.equal(canonicalName(name), 'app:latest', name);
  }
  t.equal(canonicalName('registry:5000/app'), 'registry:5000/app:latest');
  t.equal(canonicalName(`app@${digest}`), `app@${digest}`);
  t.end();
});

await t.test('names of new images', (t) => {
  t.equal(
    engineTarget(engine('app'), 'docker.io/library/app:latest', { verb: 'inject' }),
    'docker.io/library/app:latest-mpu',
  );
  t.equal(engineTarget(engine('app'), 'app:1', { verb: 'inject', tag: 'other' }), 'other:latest');
  t.equal(engineTarget(engine('app'), 'app:1', { verb: 'inject', tag: 'r:5000/other:2' }), 'r:5000/other:2');
  t.equal(engineTarget(engine('app:1-mpu'), 'app:1-mpu', { verb: 'eject' }), 'app:1');
  t.throws(() => engineTarget(engine(digest), undefined, { verb: 'inject' }), { code: 'target-needed', exitCode: 2 });
  t.throws(() => engineTarget(engine('app'), 'app:1', { verb: 'inject', tag: 'oci:d:1' }), MpuError);
  t.throws(() => engineTarget(engine('app'), 'app:1', { verb: 'inject', tag: `other@${digest}` }), MpuError);
  t.match(
    t.throws(() => engineTarget(engine('app'), `app:${'x'.repeat(126)}`, { verb: 'inject' })),
    { why: /128/ },
  );
  t.equal(layoutTarget(layout('oci:d:1'), '1', { verb: 'inject' }), '1-mpu');
  t.equal(layoutTarget(layout('oci:d:1'), '1', { verb: 'inject', tag: 'oci:d:2' }), '2');
  t.equal(layoutTarget(layout('oci:d:1'), '1-mpu', { verb: 'eject' }), '1');
  t.equal(layoutTarget(layout('oci:d:1'), '1', { verb: 'eject' }), '1-no-mpu');
  t.throws(() => layoutTarget(layout('oci:d:1'), '1', { verb: 'inject', tag: 'oci:other:2' }), {
    code: 'invalid-reference',
  });
  t.throws(() => layoutTarget(layout('oci:d:1'), '1', { verb: 'inject', tag: 'a b' }), { code: 'invalid-reference' });
  t.end();
});
