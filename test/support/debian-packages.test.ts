// SPDX-License-Identifier: GPL-2.0-only
/** Suites of Debian that have left the mirror, and packages that are not in all of them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { AptSource } from '#mpu/lib/nvidia-clients/apt-sources.js';
import { addPackage, configureApt, indexOf } from './apt-repository.js';
import { debianSources, unpackFromDebian } from './debian-packages.js';

const source = (uri: string, ...suites: string[]): AptSource => ({
  uris: [uri],
  suites,
  components: ['main', 'contrib'],
  signedBy: undefined,
  trusted: false,
});

await t.test('sources', (t) => {
  const main = source('http://mirror.test/debian', 'bookworm', 'bookworm-updates');
  const second = source('http://second.test/debian', 'bookworm');
  const security = source('http://mirror.test/debian-security', 'bookworm-security');
  const vendor = source('http://vendor.test/apt', 'bookworm');
  const chosen = debianSources([main, vendor, security, second], ['sid', 'trixie-backports', 'trixie-security']);
  t.same(
    chosen.map(({ uris, suites, components }) => [...uris, ...suites, ...components]),
    [
      ['http://mirror.test/debian', 'sid', 'trixie-backports', 'main'],
      ['http://second.test/debian', 'sid', 'trixie-backports', 'main'],
      ['http://mirror.test/debian-security', 'trixie-security', 'main'],
    ],
    'every mirror; security suites from the security archive',
  );
  t.equal(debianSources([main], ['sid', 'sid-security']).length, 1, 'no security archive is configured');
  t.throws(() => debianSources([main], ['sid-security']), { message: /no Debian mirror of sid-security/ });
  t.throws(() => debianSources([], ['sid']), { message: /no Debian mirror of sid/ });
  t.end();
});

await t.test('the first suites that have all packages', async (t) => {
  const directory = t.testdir({ apt: {} });
  const archive = join(directory, 'debian');
  for (const [suite, names] of Object.entries({ trixie: ['tool'], forky: ['tool', 'library'] })) {
    for (const name of names) {
      const files = { [`usr/share/${name}`]: `from ${suite}` };
      await addPackage(archive, indexOf(suite, 'amd64'), { name, files, architecture: 'amd64' });
    }
  }
  t.teardown(await configureApt(join(directory, 'apt'), [`deb [trusted=yes] file:${archive} bookworm main`], 0));
  const unpack = (choices: string[][], names: string[], target: string): Promise<void> =>
    unpackFromDebian(choices, names, join(directory, target), join(directory, 'state'), 'amd64');
  const content = (target: string): Promise<string> => readFile(join(directory, target, 'usr/share/tool'), 'utf8');

  await unpack([['gone'], ['trixie'], ['forky']], ['tool'], 'first');
  t.equal(await content('first'), 'from trixie', 'one that is gone is left out');
  await unpack([['trixie'], ['forky']], ['tool', 'library'], 'second');
  t.equal(await content('second'), 'from forky', 'one that has part of the packages, too, and nothing of it is left');
  await t.rejects(unpack([['gone'], ['trixie']], ['library'], 'third'), {
    message: /library cannot be fetched\ngone: .*library.*gone.*\ntrixie: .*library/s,
  });
});
