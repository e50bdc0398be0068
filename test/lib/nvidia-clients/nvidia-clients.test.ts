// SPDX-License-Identifier: GPL-2.0-only
/** Fetching clients from a package repository made here, laid out as Ubuntu's. */
import { access, appendFile, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { AptSource } from '#mpu/lib/nvidia-clients/apt-sources.js';
import { MpuError } from '#mpu/lib/errors.js';
import {
  clientSources,
  fetchAnyNvidiaClient,
  fetchNvidiaClients,
  libraryPackage,
  upstreamVersion,
} from '#mpu/lib/nvidia-clients/nvidia-clients.js';
import { addPackage } from '../../support/apt-repository.js';

async function buildPackage(repository: string, name: string, version: string, files: Record<string, string>) {
  return addPackage(repository, '.', { name, version, files });
}

/** Returns the path of the package with nvidia-smi. */
async function buildRelease(repository: string, branch: string, version: string): Promise<string> {
  const smi = await buildPackage(repository, `nvidia-utils-${branch}`, version, {
    'usr/bin/nvidia-smi': `smi of ${version}`,
    'usr/share/doc/nvidia-smi/copyright': 'not the program',
  });
  await buildPackage(repository, `libnvidia-compute-${branch}`, version, {
    'usr/lib/any-linux-gnu/libnvidia-ml.so.1': '-> libnvidia-ml.so.test',
    'usr/lib/any-linux-gnu/libnvidia-ml.so.test': `library of ${version}`,
  });
  return smi;
}

const repository = t.testdir();
await buildRelease(repository, '535', '535.183.01-0ubuntu1');
await buildRelease(repository, '550', '1:550.90.07-0ubuntu1');
await buildPackage(repository, 'nvidia-utils-545', '545.29.06-0ubuntu1', { 'usr/share/doc/x': 'transitional' });
await buildPackage(repository, 'libnvidia-compute-545', '545.29.06-0ubuntu1', { 'usr/share/doc/y': 'transitional' });

const sources: AptSource[] = [
  { uris: [`file:${repository}`], suites: ['./'], components: [], signedBy: undefined, trusted: true },
];
const quiet = { sources, progress: () => undefined };

await t.test('names and versions of packages', (t) => {
  t.equal(libraryPackage('nvidia-smi'), 'libnvidia-ml1');
  t.equal(libraryPackage('nvidia-tesla-smi'), 'libnvidia-tesla-ml1');
  t.equal(libraryPackage('nvidia-tesla-418-smi'), 'libnvidia-tesla-418-ml1');
  t.equal(libraryPackage('nvidia-utils-535'), 'libnvidia-compute-535');
  t.equal(libraryPackage('nvidia-utils-535-server'), 'libnvidia-compute-535-server');
  t.equal(libraryPackage('nvidia-utils-common'), undefined);
  t.equal(upstreamVersion('418.226.00-6~deb11u2'), '418.226.00');
  t.equal(upstreamVersion('1:550.90.07-0ubuntu1'), '550.90.07');
  const mirror = { ...sources[0], uris: ['http://mirror.test/debian'], suites: ['trixie'], components: ['main'] };
  t.match(clientSources([mirror as AptSource]), [{ uris: mirror.uris, components: ['non-free'] }]);
  t.same(clientSources(sources), sources, 'without a Debian mirror, what the system has');
  t.end();
});

await t.test('fetches, keeps, and asks no more', async (t) => {
  const cache = t.testdir();
  const lines: string[] = [];
  const options = { sources, progress: (line: string) => lines.push(line) };
  const clients = await fetchNvidiaClients(cache, ['550', '535.183'], options);
  t.same(
    clients.map((client) => client.version),
    ['550.90.07', '535.183.01'],
  );
  t.equal(await readFile(clients[0]?.smi ?? '', 'utf8'), 'smi of 1:550.90.07-0ubuntu1');
  t.equal(
    await readFile(join(clients[0]?.libraries ?? '', 'libnvidia-ml.so.1'), 'utf8'),
    'library of 1:550.90.07-0ubuntu1',
  );
  t.same((await readdir(join(cache, 'nvidia'))).sort(), ['535.183.01', '550.90.07'], 'nothing else is left');
  t.ok(lines.length >= 2, 'says what it does');
  const gone = [{ ...sources[0], uris: ['file:/nonexistent'] } as AptSource];
  t.same(await fetchNvidiaClients(cache, ['550', '535.183'], { sources: gone }), clients, 'the cache needs no source');
});

await t.test('two at once download once', async (t) => {
  const cache = t.testdir();
  const lines: string[] = [];
  const options = { sources, progress: (line: string) => lines.push(line) };
  const [first, second] = await Promise.all([
    fetchNvidiaClients(cache, ['550'], options),
    fetchNvidiaClients(cache, ['550'], options),
  ]);
  t.same(first, second);
  t.equal(lines.filter((line) => line.includes('downloading')).length, 1);
});

await t.test('an interrupted download leaves nothing that is taken for whole', async (t) => {
  const cache = t.testdir({
    nvidia: { '.scratch-abc': { '550.90.07': {} }, '550.90.07': { bin: { 'nvidia-smi': 'half' } } },
  });
  const [client] = await fetchNvidiaClients(cache, ['550'], quiet);
  t.equal(await readFile(client?.smi ?? '', 'utf8'), 'smi of 1:550.90.07-0ubuntu1');
  t.same(await readdir(join(cache, 'nvidia')), ['550.90.07']);
});

async function rejection(promise: Promise<unknown>): Promise<MpuError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof MpuError) return error;
  throw new Error('expected an MpuError', { cause: error });
}

await t.test('a release nobody offers', async (t) => {
  const cache = t.testdir();
  const error = await rejection(fetchNvidiaClients(cache, ['470.256', '550'], quiet));
  t.equal(error.code, 'no-nvidia-client');
  t.equal(error.exitCode, 3);
  t.match(error.message, /470\.256.*535\.183\.01.*550\.90\.07/);
  t.same(await readdir(join(cache, 'nvidia')), []);
});

await t.test('a package that is not what the index says', async (t) => {
  const cache = t.testdir();
  const bad = t.testdir({ cache: {}, repository: {} });
  const place = join(bad, 'repository');
  await appendFile(await buildRelease(place, '535', '535.183.01-0ubuntu1'), 'tampered');
  const tampered = [{ ...sources[0], uris: [`file:${place}`] } as AptSource];
  const error = await rejection(fetchNvidiaClients(cache, ['535'], { ...quiet, sources: tampered }));
  t.equal(error.code, 'download-failed');
  t.equal(
    await access(join(cache, 'nvidia', '535.183.01')).then(
      () => true,
      () => false,
    ),
    false,
  );
});

await t.test('a source that is not there', async (t) => {
  const cache = t.testdir();
  const gone = [{ ...sources[0], uris: ['file:/nonexistent'] } as AptSource];
  const error = await rejection(fetchNvidiaClients(cache, ['535'], { ...quiet, sources: gone }));
  t.equal(error.code, 'download-failed');
  t.match(error.message, /no release at all.*nonexistent/s, 'tells what apt said');
});

await t.test('any release', async (t) => {
  const cache = t.testdir();
  t.equal((await fetchAnyNvidiaClient(cache, ['535'], quiet)).version, '535.183.01', 'the preferred');
  t.equal(
    (await fetchAnyNvidiaClient(cache, ['550'], quiet)).version,
    '535.183.01',
    'what is cached before a download',
  );
  await rm(join(cache, 'nvidia'), { recursive: true });
  t.equal((await fetchAnyNvidiaClient(cache, ['999'], quiet)).version, '550.90.07', 'else the newest');
});

await t.test('a new release that has reached the archive in part', async (t) => {
  const directory = t.testdir();
  const cache = (name: string): string => join(directory, 'caches', name);
  const place = join(directory, 'repository');
  const half = [{ ...sources[0], uris: [`file:${place}`] } as AptSource];
  const options = { ...quiet, sources: half };
  await buildRelease(place, '550', '550.90.07-0ubuntu1');
  await buildPackage(place, 'nvidia-utils-550', '550.120-0ubuntu1', { 'usr/bin/nvidia-smi': 'without its library' });
  const [client] = await fetchNvidiaClients(cache('library'), ['550'], options);
  t.equal(client?.version, '550.90.07', 'its library is not there yet');

  // The index names it, but this mirror does not have the file.
  await rm(await buildRelease(place, '550', '550.130-0ubuntu1'));
  const [older] = await fetchNvidiaClients(cache('file'), ['550'], options);
  t.equal(older?.version, '550.90.07');
  t.equal((await fetchAnyNvidiaClient(cache('any'), ['999'], options)).version, '550.90.07');
  const error = await rejection(fetchNvidiaClients(cache('none'), ['550.130'], options));
  t.equal(error.code, 'download-failed');
  t.match(error.message, /nvidia-smi 550\.130 cannot be fetched.*nvidia-utils-550/s);
});
