// SPDX-License-Identifier: GPL-2.0-only
/** Types the commands of docs/cdi.md, as they stand there but for what is named here. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { baseImage } from '../lib/base-image.js';
import { lacking, startPodman } from '../lib/engines.js';
import { checkout } from '../lib/mpu.js';
import { BOOT, SHUTDOWN, startHostToBoot } from './systemd.js';

const GPU = { cdiVersion: '0.5.0', kind: 'nvidia.com/gpu', devices: [{ name: 'all', containerEdits: { env: ['GPU=all'] } }] };

const skip = await lacking(['podman', 'runc', 'mmdebstrap', 'unshare', 'nsenter', 'systemctl'], true);
await t.test('docs/cdi.md', { skip }, async (t) => {
  const page = await readFile(join(checkout, 'docs/cdi.md'), 'utf8');
  const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block.trimEnd());
  t.equal(blocks.length, 5);
  const [install = '', use = '', byHand = '', upgrade = '', remove = ''] = blocks;
  const podman = await startPodman();
  t.teardown(() => podman.stop());
  await podman.check('import', '--quiet', await baseImage([]), 'localhost/team/train:7');
  const host = await startHostToBoot(podman.env);
  t.teardown(() => host.stop());
  await host.check(`printf '#!/bin/sh\\nexec "$@"\\n' >/run/mpu-bin/sudo; chmod +x /run/mpu-bin/sudo; mkdir -p /etc/cdi; echo '${JSON.stringify(GPU)}' >/etc/cdi/nvidia.json`);
  // Both engines run an image without a GPU; docker itself is tested in docker.test.ts.
  const run = use
    .replace('docker run', 'podman run')
    .replaceAll('podman run', 'podman run --rm --network=none')
    .replaceAll('team/train:7 nvidia-smi', 'localhost/team/train:7 cat /proc/self/maps');

  await t.test('without systemd', async (t) => {
    await host.check(byHand);
    const ended = await host.run(run);
    t.match(ended, { status: 0, stderr: '' });
    t.equal(ended.stdout.match(/r-xp .*libmpu\.so/g)?.length, 2, 'in both containers');
    await host.check('umount /run/mpu/pidns; rm -r /run/mpu /var/run/cdi');
  });

  const noSystemd = (await host.run(BOOT)).status === 0 ? false : 'NOT TESTED: systemd does not run here';
  await t.test('with systemd', { skip: noSystemd }, async (t) => {
    t.match(await host.check(install), /installed/);
    const ended = await host.run(run);
    t.match(ended, { status: 0, stderr: '' });
    t.equal(ended.stdout.match(/r-xp .*libmpu\.so/g)?.length, 2);
    t.match(await host.check(upgrade), /unchanged/);
    t.match(await host.check(remove), /removed:/);
    t.equal((await host.run(run)).status, 126, 'there is no such device any more');
    await host.check(SHUTDOWN);
  });
});
