// SPDX-License-Identifier: GPL-2.0-only
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { Host } from '#mpu/lib/system/host.js';
import { findPidnsBoot } from '#mpu/lib/pidns/boot.js';
import { makeFixture } from '../../support/module-fixture.js';

await t.test('what the next boot has', async (t) => {
  const { root, write } = await makeFixture(t.testdir(), '6.1.0-9-amd64');
  const found = async (): Promise<unknown> => findPidnsBoot(await Host.open({ root }));
  t.same(await found(), { hasSystemd: false, unit: 'absent' });
  await write('run/systemd/system/x', '');
  await write('usr/lib/systemd/system/mpu-pidns.service', '');
  t.same(await found(), { hasSystemd: true, unit: 'disabled' }, 'as packages install it');
  const wants = join(root, 'etc/systemd/system/multi-user.target.wants');
  await mkdir(wants, { recursive: true });
  await symlink('/lib/systemd/system/mpu-cdi.service', join(wants, 'mpu-cdi.service'));
  t.same(await found(), { hasSystemd: true, unit: 'disabled' }, 'a link to nowhere');
  await symlink('/usr/lib/systemd/system/mpu-pidns.service', join(wants, 'mpu-pidns.service'));
  t.same(await found(), { hasSystemd: true, unit: 'enabled' });
});
