// SPDX-License-Identifier: GPL-2.0-only
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { Host } from '#mpu/lib/system/host.js';

await t.test('paths of another root', async (t) => {
  const root = t.testdir({ usr: { lib: { modules: {} }, src: { headers: {} } } });
  await symlink('usr/lib', join(root, 'lib'));
  await symlink('/usr/src/headers', join(root, 'usr/lib/modules/build'));
  await symlink('loop', join(root, 'loop'));
  const host = await Host.open({ root, kernel: '6.1.0-9-amd64' });
  t.equal(
    await host.resolve('/lib/modules/build/Makefile'),
    join(root, 'usr/src/headers/Makefile'),
    'absolute links stay below the root',
  );
  t.equal(await host.resolve('/lib/modules/build/../../../../../etc'), join(root, 'etc'), 'nothing leads out of it');
  await t.rejects(host.resolve('/loop'), { code: 'file-error' });
  await t.rejects(Host.open({ root, kernel: 'x; rm -rf /' }), { code: 'usage' });
  await t.rejects(Host.open({ root: join(root, 'none') }), { code: 'usage' });
});
