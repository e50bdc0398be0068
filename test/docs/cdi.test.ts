// SPDX-License-Identifier: GPL-2.0-only
/** Types the commands of docs/cdi.md, as they stand there but for what is named here. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { baseImage } from '../support/base-image.js';
import { dockerWithCdi, startDockerOn } from '../support/docker-cdi.js';
import { codeBlocks } from '../support/docs.js';
import { lacking, startPodman } from '../support/engines.js';
import { BOOT, SHUTDOWN, startHostToBoot } from '../cdi/systemd.js';

const GPU = {
  cdiVersion: '0.5.0',
  kind: 'nvidia.com/gpu',
  devices: [{ name: 'all', containerEdits: { env: ['GPU=all'] } }],
};

const missing = await lacking(['podman', 'runc', 'mmdebstrap', 'unshare', 'nsenter', 'systemctl'], true);
const programs = missing === false ? await dockerWithCdi() : '';
const skip = missing !== false ? missing : programs.startsWith('NOT TESTED') && programs;
await t.test('docs/cdi.md', { skip }, async (t) => {
  const blocks = codeBlocks('docs/cdi.md', 'sh');
  t.equal(blocks.length, 5);
  const [install = '', use = '', byHand = '', upgrade = '', remove = ''] = blocks;
  const podman = await startPodman();
  t.teardown(() => podman.stop());
  await podman.check('import', '--quiet', await baseImage([]), 'localhost/team/train:7');
  const docker = join(podman.directory, 'docker');
  await mkdir(docker);
  const path = `${programs}:${process.env.PATH ?? ''}`;
  const host = await startHostToBoot({ ...podman.env, PATH: path, DOCKER_HOST: `unix://${docker}/docker.sock` });
  t.teardown(() => host.stop());
  const [config = ''] = codeBlocks('docs/cdi.md', 'json');
  const stopDocker = await startDockerOn(host, docker, config);
  t.teardown(stopDocker);
  await host.check(`docker import ${await baseImage([])} team/train:7`);
  await host.check(
    `printf '#!/bin/sh\\nexec "$@"\\n' >/run/mpu-bin/sudo; chmod +x /run/mpu-bin/sudo; mkdir -p /etc/cdi; echo '${JSON.stringify(GPU)}' >/etc/cdi/nvidia.json`,
  );
  // The image has no nvidia-smi, and podman would look for its name in registries.
  const run = use
    .replace(/(docker|podman) run/g, '$1 run --rm --network=none')
    .replaceAll('nvidia-smi', 'cat /proc/self/maps')
    .replace(/(podman .*)team\/train/, '$1localhost/team/train');

  await t.test('without systemd', async (t) => {
    await host.check(byHand);
    const ended = await host.run(run);
    t.match(ended, { status: 0, stderr: '' });
    t.equal(ended.stdout.match(/r-xp .*libmpu\.so/g)?.length, 2, 'in both containers');
    await host.check('mpu pidns disable; rm -r /var/run/cdi');
  });

  const noSystemd = (await host.run(BOOT)).status === 0 ? false : 'NOT TESTED: systemd does not run here';
  await t.test('with systemd', { skip: noSystemd }, async (t) => {
    t.match(await host.check(install), /installed/);
    const ended = await host.run(run);
    t.match(ended, { status: 0, stderr: '' });
    t.equal(ended.stdout.match(/r-xp .*libmpu\.so/g)?.length, 2);
    t.match(await host.check(upgrade), /unchanged/);
    t.match(await host.check(remove), /removed:/);
    t.match(await host.run(run), { status: 125, stderr: /dev\.mpu\/preload=all/ }, 'there is no such device any more');
    await host.check(SHUTDOWN);
  });
});
