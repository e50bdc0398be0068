// SPDX-License-Identifier: GPL-2.0-only
/** The driver's version file, and the regime of every release. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { parseDriverVersion } from '#mpu/lib/driver/driver.js';
import { isNewer, NEWEST_RELEASE, regimeById, REGIMES } from '#mpu/lib/driver/regimes.js';
import { nativeAddon } from '#mpu/lib/native-addon.js';
import { checkout } from '../../support/mpu.js';

await t.test('the regime of every release that is known', async (t) => {
  for (const [file, fewest] of [
    ['releases.tsv', 190],
    ['unlisted-releases.tsv', 40],
  ] as const) {
    const text = await readFile(join(checkout, 'test/kernel/rm', file), 'utf8');
    const rows = text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.split('\t'));
    t.ok(rows.length >= fewest, `${rows.length} releases`);
    for (const [release = '', regime = ''] of rows) {
      const expected = regime.startsWith('R') ? regime : undefined;
      t.equal(nativeAddon().releaseRegime(release), expected, release);
      t.equal(regimeById(expected) === undefined, expected === undefined, 'and it can be described');
    }
  }
  t.equal(nativeAddon().releaseRegime('no version'), undefined);
  t.equal(regimeById('R3a')?.id, 'R3b');
  t.same(
    REGIMES.filter(({ tableRight }) => tableRight).map(({ id }) => id),
    ['R4'],
  );
});

await t.test('the newest release that is known', async (t) => {
  const text = await readFile(join(checkout, 'test/kernel/rm/releases.tsv'), 'utf8');
  const releases = text.split('\n').flatMap((line) => /^\d[\d.]*/.exec(line)?.[0] ?? []);
  t.ok(releases.includes(NEWEST_RELEASE));
  t.same(
    releases.filter((release) => isNewer(release, NEWEST_RELEASE)),
    [],
    'no release of the table is newer',
  );
  for (const [release, newer] of [
    ['620.70.07', true],
    ['620.100.01', true],
    ['1000.1', true],
    ['620.70.06', false],
    ['620.9.09', false],
    ['535.309.01', false],
  ] as const) {
    t.equal(isNewer(release, NEWEST_RELEASE), newer, release);
  }
});

await t.test('the version file', (t) => {
  const closed =
    'NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.12  Wed Sep 20 09:35:17 UTC 2023\nGCC version:  gcc version 11.4.0 (Ubuntu 11.4.0-1ubuntu1~22.04)\n';
  t.same(parseDriverVersion(closed), { release: '535.104.12', flavour: 'closed' });
  // As on an H200.
  const open =
    'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build  (nixbld@)  \nGCC version:  gcc version 15.3.0 (GCC) \n';
  t.same(parseDriverVersion(open), { release: '580.159.04', flavour: 'open' });
  t.same(parseDriverVersion('NVRM version: NVIDIA UNIX aarch64 Kernel Module  550.54  Thu'), {
    release: '550.54',
    flavour: 'closed',
  });
  t.equal(parseDriverVersion(''), undefined);
  t.end();
});
