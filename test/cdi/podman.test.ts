// SPDX-License-Identifier: GPL-2.0-only
/** podman gives containers of untouched images libmpu.so by --device. */
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { BASE_IMAGE, containerStage, nestedHostOptions } from '#mpu/lib/demo/container-stage.js';
import { playScene, SIMULATION } from '#mpu/lib/demo/scene.js';
import { fetchNvidiaClients } from '#mpu/lib/nvidia-clients.js';
import { packageRoot } from '#mpu/lib/package-root.js';
import { baseImage } from '../lib/base-image.js';
import { lacking, startPodman } from '../lib/engines.js';
import { lib64Image } from '../lib/lib64-image.js';
import { writeMuslImage } from '../lib/musl-image.js';
import { checkScene } from '../lib/scene.js';
import { writeStandInLibraries } from '../lib/tiny-layout.js';
import { MOUNT_PIDNS, PRIVATE_DIRECTORIES, PrivateHost } from './host.js';

const LIBRARY = '/usr/lib/mpu/lib/x86_64-linux-gnu/libmpu.so';
const skip = await lacking(['podman', 'runc', 'mmdebstrap', 'unshare', 'nsenter', 'musl-gcc'], true);

await t.test('the real nvidia-smi is right in an untouched image', { skip }, async (t) => {
  const programs = await mkdtemp(join(tmpdir(), 'mpu-cdi-'));
  t.teardown(() => rm(programs, { recursive: true }));
  for (const name of ['tenant', 'train', 'serve']) await symlink(SIMULATION.process, join(programs, name));
  const cache = join(packageRoot, '.cache');
  const [client] = await fetchNvidiaClients(cache, ['550.163']);
  if (client === undefined) throw new Error('no client');
  const stage = await containerStage(join(cache, 'demo'), client, (line) => {
    t.comment(line);
  });
  const prepare = `${PRIVATE_DIRECTORIES}\n${MOUNT_PIDNS}\nmpu cdi generate --output /var/run/cdi/mpu.json >&2`;
  for (const [regime, device] of [['R1', 'all'], ['R4', 'all'], ['R0', 'env']] as const) {
    const after = ['podman', 'run', '--rm', '--network=none', '--device', `dev.mpu/preload=${device}`, ...nestedHostOptions(), BASE_IMAGE];
    checkScene(t, regime, await playScene(regime, client, { ...stage, prepare, after }, programs));
  }
});

await t.test('containers of every kind', { skip }, async (t) => {
  const podman = await startPodman();
  t.teardown(() => podman.stop());
  const host = await PrivateHost.start(podman.env);
  t.teardown(() => host.stop());
  await host.check(`${MOUNT_PIDNS}; mpu cdi generate --output /etc/cdi/mpu.json`);
  await podman.check('import', '--quiet', await baseImage(['libc6:i386', 'hello:i386']), 'localhost/debian:1');
  const podmanRun = (options: string, command: string): ReturnType<typeof host.run> =>
    host.run(`podman run --rm --network=none ${options} ${command}`);

  await t.test('64-bit and 32-bit programs, confined ones too', async (t) => {
    const hardened = '--read-only --user=1000 --cap-drop=all --security-opt=no-new-privileges';
    for (const device of ['all', 'env']) {
      for (const options of ['', hardened]) {
        const maps = await podmanRun(`--device dev.mpu/preload=${device} ${options}`, 'debian:1 cat /proc/self/maps /proc/self/mountinfo');
        t.match(maps, { status: 0, stderr: '' });
        t.ok(maps.stdout.includes(LIBRARY), `${device} ${options}: it has the library`);
        t.match(maps.stdout, / \/usr\/lib\/mpu ro,nosuid,nodev/, 'read-only');
        t.match(maps.stdout, / pid:\[\d+\] \/run\/mpu\/pidns ro,/, 'and the namespace of the host');
      }
      const hello = await podmanRun(`--device dev.mpu/preload=${device}`, 'debian:1 hello');
      t.same(hello, { status: 0, stdout: 'Hello, world!\n', stderr: '' }, `${device}: a 32-bit program is silent`);
      const objects = await podmanRun(`--device dev.mpu/preload=${device}`, 'debian:1 env LD_TRACE_LOADED_OBJECTS=1 hello');
      t.match(objects.stdout, /\/usr\/lib\/mpu\/i[56]86\/libmpu\.so/, 'and loads the 32-bit library');
    }
  });

  await t.test('an image with lib64 and lib: its 32-bit programs are silent, too', async (t) => {
    await podman.check('import', '--quiet', await lib64Image(podman.directory), 'localhost/lib64:1');
    for (const device of ['all', 'env']) {
      const hello = await podmanRun(`--device dev.mpu/preload=${device}`, 'lib64:1 hello');
      t.same(hello, { status: 0, stdout: 'Hello, world!\n', stderr: '' }, device);
      const maps = await podmanRun(`--device dev.mpu/preload=${device}`, 'lib64:1 cat /proc/self/maps');
      t.match(maps, { status: 0, stderr: '' });
      t.ok(maps.stdout.includes(LIBRARY), device);
    }
  });

  await t.test("beside another vendor's device", async (t) => {
    const spec = { cdiVersion: '0.5.0', kind: 'nvidia.com/gpu', devices: [{ name: 'all', containerEdits: { env: ['NVIDIA_VISIBLE_DEVICES=void'] } }] };
    await host.check(`cat >/etc/cdi/nvidia.json <<'END'\n${JSON.stringify(spec)}\nEND`);
    const both = await podmanRun('--device nvidia.com/gpu=all --device dev.mpu/preload=all', "debian:1 sh -c 'env; cat /proc/self/maps'");
    t.match(both, { status: 0, stdout: 'NVIDIA_VISIBLE_DEVICES=void', stderr: '' });
    t.ok(both.stdout.includes(LIBRARY));
  });

  await t.test('env: an ld.so.preload of the image stays', async (t) => {
    const own = `podman run --name own --network=none debian:1 sh -c 'cp /lib/x86_64-linux-gnu/libm.so.6 /opt/own.so; echo /opt/own.so >/etc/ld.so.preload'`;
    await host.check(`${own}; podman commit --quiet own localhost/own:1; podman rm own`);
    const maps = await podmanRun('--device dev.mpu/preload=env', 'own:1 cat /proc/self/maps');
    t.match(maps, { status: 0, stdout: '/opt/own.so', stderr: '' });
    t.ok(maps.stdout.includes(LIBRARY));
  });

  await t.test('env: musl', async (t) => {
    await writeMuslImage(join(podman.directory, 'musl.tar'));
    await podman.check('import', '--quiet', join(podman.directory, 'musl.tar'), 'localhost/musl:1');
    const maps = await podmanRun('--device dev.mpu/preload=env', 'musl:1 /maps');
    t.match(maps, { status: 0, stderr: '' });
    t.ok(maps.stdout.includes(LIBRARY));
    t.notMatch((await podmanRun('--device dev.mpu/preload=all', 'musl:1 /maps')).stdout, 'libmpu', 'which needs that device');
  });

  await t.test('a running container outlives an upgrade and mpu cdi remove', async (t) => {
    await host.check('podman run --detach --name long --network=none --device dev.mpu/preload=all debian:1 sleep 1000');
    const libraries = join(podman.directory, 'libraries');
    await writeStandInLibraries(libraries);
    await host.check(`mpu cdi generate --library-dir ${libraries} --output /etc/cdi/mpu.json`);
    const removed = await host.run('mpu cdi remove');
    t.match(removed, { status: 0, stdout: /\/etc\/cdi\/mpu\.json\n {2}\/var\/lib\/mpu\/cdi-/, stderr: /stays: a running container has it mounted/ });
    const maps = await host.run('podman exec long cat /proc/self/maps');
    t.match(maps, { status: 0, stderr: '' });
    t.ok(maps.stdout.includes(LIBRARY));
    await host.check('podman rm --force --time 0 long');
    t.match(await host.run('mpu cdi remove'), { status: 0, stdout: /^removed:\n {2}\/var\/lib\/mpu\/cdi-[0-9a-f]+\n$/, stderr: '' });
    t.same(await host.run('mpu cdi remove; ls /var/lib/mpu'), { status: 0, stdout: 'nothing to remove\n', stderr: '' });
  });
});
