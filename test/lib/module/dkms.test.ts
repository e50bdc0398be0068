// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { parseDkmsStatus } from '#mpu/lib/module/dkms.js';

await t.test('dkms status, versions 2 and 3', (t) => {
  t.same(parseDkmsStatus('mpu, 0.1.0, 5.10.0-8-amd64, x86_64: installed\nmpu, 0.2.0: added\nother/1: added\n'), [
    { version: '0.1.0', kernel: '5.10.0-8-amd64', state: 'installed' },
    { version: '0.2.0', state: 'added' },
  ]);
  t.same(
    parseDkmsStatus(
      'mpu/0.1.0, 6.1.0-9-amd64, x86_64: installed (WARNING! Diff between built and installed module!)\nmpu/0.1.0: added',
    ),
    [
      { version: '0.1.0', kernel: '6.1.0-9-amd64', state: 'installed' },
      { version: '0.1.0', state: 'added' },
    ],
  );
  t.same(parseDkmsStatus(''), []);
  t.end();
});
