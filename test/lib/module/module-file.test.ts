// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { parseModinfo } from '#mpu/lib/module/module-file.js';

await t.test('files that are no modules have no modinfo', (t) => {
  t.equal(parseModinfo(Buffer.from('hello')).size, 0);
  t.equal(parseModinfo(Buffer.concat([Buffer.from('\x7fELF\x02\x01', 'latin1'), Buffer.alloc(10)])).size, 0);
  t.equal(parseModinfo(Buffer.concat([Buffer.from('\x7fELF\x02\x01', 'latin1'), Buffer.alloc(100, 0xff)])).size, 0);
  t.end();
});
