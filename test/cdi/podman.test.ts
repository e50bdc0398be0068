// SPDX-License-Identifier: GPL-2.0-only
/** podman gives containers of untouched images libmpu.so by --device. */
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { BASE_IMAGE, containersRunner, nestedHostOptions } from '#mpu/lib/demo/in-containers.js';
import { compare, SIMULATION } from '#mpu/lib/demo/comparison.js';
import { fetchNvidiaClients } from '#mpu/lib/nvidia-clients/nvidia-clients.js';
import { packageRoot } from '#mpu/lib/package/root.js';
import { lacking, startPodman } from '../support/engines.js';
import { checkComparison } from '../support/comparison.js';
import { writeStandInLibraries } from '../support/tiny-layout.js';
import { LIBRARY, checkContainers } from './containers.js';
import { ENABLE_ITERATOR, MOUNT_PIDNS, PRIVATE_DIRECTORIES, PrivateHost } from './host.js';

const skip = await lacking(['podman', 'runc', 'mmdebstrap', 'unshare', 'nsenter', 'musl-gcc'], true);

await t.test('the real nvidia-smi is right in an untouched image', { skip }, async (t) => {
  const programs = await mkdtemp(join(tmpdir(), 'mpu-cdi-'));
  t.teardown(() => rm(programs, { recursive: true }));
  for (const name of ['tenant', 'train', 'serve']) await symlink(SIMULATION.process, join(programs, name));
  const cache = join(packageRoot, '.cache');
  const [client] = await fetchNvidiaClients(cache, ['550.163']);
  if (client === undefined) throw new Error('no client');
  const stage = await containersRunner(join(cache, 'demo'), client, (line) => {
    t.comment(line);
  });
  for (const [regime, device, translator] of [
    ['R1', 'all', ENABLE_ITERATOR],
    ['R4', 'all', MOUNT_PIDNS],
    ['R0', 'env', ENABLE_ITERATOR],
  ] as const) {
    const prepare = `${PRIVATE_DIRECTORIES}\n${translator}\nmpu cdi generate --output /var/run/cdi/mpu.json >&2`;
    const after = [
      'podman',
      'run',
      '--rm',
      '--network=none',
      '--device',
      `dev.mpu/preload=${device}`,
      ...nestedHostOptions(),
      BASE_IMAGE,
    ];
    checkComparison(t, regime, await compare(regime, client, { ...stage, prepare, after }, programs));
  }
});

await t.test('containers of every kind', { skip }, async (t) => {
  const podman = await startPodman();
  t.teardown(() => podman.stop());
  const host = await PrivateHost.start(podman.env);
  t.teardown(() => host.stop());
  await checkContainers(t, host, 'podman', podman.directory, MOUNT_PIDNS);

  await t.test('a running container outlives an upgrade and mpu cdi remove', async (t) => {
    await host.check('podman run --detach --name long --network=none --device dev.mpu/preload=all debian:1 sleep 1000');
    const libraries = join(podman.directory, 'libraries');
    await writeStandInLibraries(libraries);
    await host.check(`mpu cdi generate --library-dir ${libraries} --output /etc/cdi/mpu.json`);
    const removed = await host.run('mpu cdi remove');
    t.match(removed, {
      status: 0,
      stdout: /\/etc\/cdi\/mpu\.json\n {2}\/var\/lib\/mpu\/cdi-/,
      stderr: /stays: a running container has it mounted/,
    });
    const maps = await host.run('podman exec long cat /proc/self/maps');
    t.match(maps, { status: 0, stderr: '' });
    t.ok(maps.stdout.includes(LIBRARY));
    await host.check('podman rm --force --time 0 long');
    t.match(await host.run('mpu cdi remove'), {
      status: 0,
      stdout: /^removed:\n {2}\/var\/lib\/mpu\/cdi-[0-9a-f]+\n$/,
      stderr: '',
    });
    t.same(await host.run('mpu cdi remove; ls /var/lib/mpu'), { status: 0, stdout: 'nothing to remove\n', stderr: '' });
  });
});
