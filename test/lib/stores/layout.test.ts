// SPDX-License-Identifier: GPL-2.0-only
/** Several mpus on one layout. */
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { eject, inject, inspect, type InjectOptions, type InjectResult } from '#mpu/index.js';
import { takeLock } from '#mpu/lib/system/file-lock.js';
import type { Descriptor } from '#mpu/lib/oci/descriptor.js';
import { Layout } from '#mpu/lib/stores/layout.js';
import { mpu, run } from '../../support/mpu.js';
import { TinyLayout, debianLayer, writeStandInLibraries } from '../../support/tiny-layout.js';

const REF_NAME = 'org.opencontainers.image.ref.name';
const libraries = t.testdir();
t.before(() => writeStandInLibraries(libraries));

async function layoutOf(t: Test): Promise<TinyLayout> {
  const layout = new TinyLayout(join(t.testdir(), 'layout'));
  return layout.finish(await layout.image({ layers: [debianLayer], tag: '1' }));
}

const into = (layout: TinyLayout, tag: string, options: InjectOptions = {}): Promise<InjectResult> =>
  inject(`oci:${layout.directory}:1`, { libraryDirectory: libraries, tag, ...options });

/** The tags of a layout; fails the test where one refers to something that is not there. */
async function wholeTags(t: Test, layout: TinyLayout): Promise<(string | undefined)[]> {
  const { manifests } = (await layout.json('index.json')) as { manifests: Descriptor[] };
  const sizeOf = async ({ digest }: Descriptor): Promise<number> =>
    (await stat(join(layout.directory, 'blobs/sha256', digest.slice(7)))).size;
  for (const image of manifests) {
    const { config, layers } = (await layout.json(image.digest)) as { config: Descriptor; layers: Descriptor[] };
    for (const blob of [image, config, ...layers]) t.equal(await sizeOf(blob), blob.size, blob.digest);
  }
  return manifests.map(({ annotations }) => annotations?.[REF_NAME]).sort();
}

const blobCount = async ({ directory }: TinyLayout): Promise<number> =>
  (await readdir(join(directory, 'blobs/sha256'))).length;

await t.test('two processes at once', async (t) => {
  const layout = await layoutOf(t);
  const rounds = 4;
  for (let round = 0; round < rounds; round++) {
    const tags = [`a${round}`, `b${round}`];
    // Another layer each round, the same in both processes.
    const env = { PATH: process.env.PATH, SOURCE_DATE_EPOCH: String(round + 1) };
    const ended = await Promise.all(
      tags.map((tag) =>
        mpu(['inject', `oci:${layout.directory}:1`, '--tag', tag, '--library-dir', libraries, '--json'], { env }),
      ),
    );
    for (const { status, stdout } of ended) {
      t.equal(status, 0);
      t.match(JSON.parse(stdout), { outcome: 'created' });
    }
  }
  const made = Array.from({ length: rounds }, (_, round) => [`a${round}`, `b${round}`]).flat();
  t.same(await wholeTags(t, layout), ['1', ...made].sort());
});

await t.test('nothing is added, and nothing taken for granted, while another one is at it', async (t) => {
  const layout = await layoutOf(t);
  const before = await blobCount(layout);
  const release = await takeLock(join(layout.directory, 'oci-layout'));
  const said: string[] = [];
  const waiting = into(layout, 'a', { onProgress: (line) => said.push(line) });
  while (!said.some((line) => line.startsWith('waiting for another mpu'))) await sleep(20);
  t.equal(await blobCount(layout), before);
  t.match(
    await inspect(`oci:${layout.directory}:1`, { libraryDirectory: libraries }),
    { state: 'not-injected' },
    'looking needs no lock',
  );
  const other = await layout.image({ layers: [{ x: 'y' }], tag: 'a' });
  const { manifests } = (await layout.json('index.json')) as { manifests: Descriptor[] };
  await layout.finish(...manifests, other);
  await release();
  await t.rejects(waiting, { code: 'target-exists' }, 'what the other one made is seen');
  t.same(await wholeTags(t, layout), ['1', 'a']);
  t.match(await into(layout, 'b'), { outcome: 'created' });
  t.match(await eject(`oci:${layout.directory}:b`, { tag: 'c' }), { outcome: 'created', isOriginal: true });
});

await t.test('one that gives up takes back only what is its own', async (t) => {
  const layout = await layoutOf(t);
  const rounds = 8;
  for (let round = 0; round < rounds; round++) {
    const interrupt = new AbortController();
    const onProgress = (line: string): void => {
      if (line.startsWith('adding'))
        setImmediate(() => {
          interrupt.abort('SIGINT');
        });
    };
    const options = { timestamp: round + 1 };
    const [first, second] = await Promise.allSettled([
      into(layout, `a${round}`, { ...options, signal: interrupt.signal, onProgress }),
      into(layout, `b${round}`, options),
    ]);
    t.match(first, { status: 'rejected', reason: { code: 'interrupted' } });
    t.match(second, { status: 'fulfilled', value: { outcome: 'created' } });
  }
  t.same(await wholeTags(t, layout), ['1', ...Array.from({ length: rounds }, (_, round) => `b${round}`)]);
});

await t.test('a wait that is interrupted', async (t) => {
  const layout = await layoutOf(t);
  const before = await layout.snapshot();
  const release = await takeLock(join(layout.directory, 'oci-layout'));
  t.teardown(release);
  const interrupt = new AbortController();
  const onProgress = (line: string): void => {
    if (line.startsWith('waiting')) interrupt.abort('SIGTERM');
  };
  await t.rejects(into(layout, 'a', { signal: interrupt.signal, onProgress }), { code: 'interrupted', exitCode: 143 });
  t.same(await layout.snapshot(), before);
});

await t.test('a holder that is killed holds no longer', async (t) => {
  const layout = await layoutOf(t);
  const program = `const { takeLock } = await import(process.argv[1]); await takeLock(process.argv[2]); process.kill(process.pid, 'SIGKILL');`;
  const module = import.meta.resolve('#mpu/lib/system/file-lock.js');
  const killed = await run(process.execPath, [
    '--input-type=module',
    '--eval',
    program,
    module,
    join(layout.directory, 'oci-layout'),
  ]);
  t.equal(killed.status, null);
  t.match(await into(layout, 'a'), { outcome: 'created' });
});

await t.test('without flock(1)', async (t) => {
  const layout = await layoutOf(t);
  const before = await layout.snapshot();
  const ended = await mpu(['inject', `oci:${layout.directory}:1`, '--library-dir', libraries, '--json'], {
    env: { PATH: t.testdirName },
  });
  t.equal(ended.status, 1);
  t.match(JSON.parse(ended.stdout), { error: { code: 'layout-lock', why: /flock/, next: /util-linux/ } });
  t.same(await layout.snapshot(), before);
});

await t.test('a change by a program that knows no lock', async (t) => {
  const tiny = await layoutOf(t);
  const layout = await Layout.open(tiny.directory, {});
  await layout.lock();
  t.teardown(() => layout.unlock());
  await writeFile(join(tiny.directory, 'index.json'), '{"schemaVersion":2,"manifests":[]}');
  const [entry] = layout.index.entries;
  if (entry === undefined) throw new Error('no image');
  await t.rejects(layout.add(entry), { code: 'layout-busy', next: 'run it again' });
});
