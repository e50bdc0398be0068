// SPDX-License-Identifier: GPL-2.0-only
/** Images whose 32-bit libraries lie in lib, where other distributions have the 64-bit ones: nothing complains. */
import { join } from 'node:path';
import t from 'tap';
import { lacking, startPodman } from '../support/engines.js';
import { lib64Image } from '../support/lib64-image.js';
import { check, mpu, run, type Ended } from '../support/mpu.js';

const skip = await lacking(['podman', 'runc', 'mmdebstrap', 'skopeo', 'tar'], true);

await t.test('lib64 and lib', { skip }, async (t) => {
  const podman = await startPodman();
  t.teardown(() => podman.stop());
  const layout = join(podman.directory, 'layout');
  await podman.check('import', '--quiet', await lib64Image(podman.directory), 'localhost/lib64:1');
  await check('skopeo', ['copy', '--quiet', 'containers-storage:localhost/lib64:1', `oci:${layout}:1`], {
    env: podman.env,
  });
  const inContainer = (options: string[], ...command: string[]): Promise<Ended> =>
    run('podman', ['run', '--rm', '--network=none', ...options, 'localhost/run:1', ...command], { env: podman.env });

  for (const readLayers of ['auto', 'never']) {
    t.match(await mpu(['inject', `oci:${layout}:1`, '--read-layers', readLayers, '--tag', readLayers]), { status: 0 });
    await check('skopeo', ['copy', '--quiet', `oci:${layout}:${readLayers}`, 'containers-storage:localhost/run:1'], {
      env: podman.env,
    });
    // What glibc makes of the processor differs.
    for (const options of [[], ['--env=GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-AVX2_Usable']]) {
      const maps = await inContainer(options, 'cat', '/proc/self/maps');
      t.match(maps, { status: 0, stderr: '' });
      t.match(maps.stdout, '/usr/lib/mpu/lib/x86_64-linux-gnu/libmpu.so', `64-bit, ${readLayers}`);
      t.same(
        await inContainer(options, 'hello'),
        { status: 0, stdout: 'Hello, world!\n', stderr: '' },
        `32-bit, ${readLayers}`,
      );
    }
    const loaded = await inContainer(['--env=LD_DEBUG=files'], 'hello');
    t.match(loaded.stderr, /libmpu\.so \[0\]; {2}generating link map/, 'and it is loaded there, too');
  }
});
