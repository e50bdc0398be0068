// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { parseBuildahImage, parseImage } from '#mpu/lib/engine/engine-image.js';

await t.test('the date of an image', (t) => {
  const dated = (Created: unknown): number | undefined =>
    parseImage(Buffer.from(JSON.stringify([{ Id: 'ab', Created }]))).created;
  t.equal(dated('2024-05-06T07:08:09.987654321Z'), Date.UTC(2024, 4, 6, 7, 8, 9) / 1000);
  t.equal(dated('1970-01-01T00:00:00Z'), 0);
  for (const none of [undefined, '', '0001-01-01T00:00:00Z', 'yesterday', 5]) t.equal(dated(none), undefined);
  const buildah = { FromImageID: 'ab', Docker: { created: '2024-05-06T07:08:09Z' } };
  t.equal(
    parseBuildahImage(Buffer.from(JSON.stringify(buildah)), Buffer.alloc(0)).created,
    Date.UTC(2024, 4, 6, 7, 8, 9) / 1000,
  );
  t.end();
});
