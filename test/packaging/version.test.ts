// SPDX-License-Identifier: GPL-2.0-only
/** One version everywhere. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { version } from '#mpu/lib/package/version.js';
import { checkout } from '../support/mpu.js';

await t.test('the version is the same wherever it stands', async (t) => {
  const places: [path: string, pattern: RegExp][] = [
    ['package.json', /"version": "([^"]+)"/],
    ['kernel/version.h', /MPU_VERSION "([^"]+)"/],
    ['CHANGELOG.md', /^## (\S+?),/m],
    ['packaging/debian/changelog', /^mpu \(([^)]+)-\d+\)/],
  ];
  for (const [path, pattern] of places) {
    t.equal(pattern.exec(await readFile(join(checkout, path), 'utf8'))?.[1], version, path);
  }
  for (const command of await readFile(join(checkout, 'docs/packages.md'), 'utf8').then(
    (text) => text.match(/mpu[-_][\d.]+\d/g) ?? [],
  )) {
    t.match(command, version, 'docs/packages.md');
  }
});
