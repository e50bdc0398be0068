// SPDX-License-Identifier: GPL-2.0-only
/** What holds for containers of untouched images that are given libmpu.so by --device, in podman and docker. */
import { join } from 'node:path';
import type { Test } from 'tap';
import { baseImage } from '../support/base-image.js';
import { lib64Image } from '../support/lib64-image.js';
import { writeMuslImage } from '../support/musl-image.js';
import type { PrivateHost } from './host.js';

/** Where a 64-bit program of Debian finds the library. */
export const LIBRARY = '/usr/lib/mpu/lib/x86_64-linux-gnu/libmpu.so';

/** Tests containers of every kind; leaves the image `localhost/debian:1`. `directory` is for files, `translator` puts one at /run/mpu/pidns. */
export async function checkContainers(
  t: Test,
  host: PrivateHost,
  engine: 'podman' | 'docker',
  directory: string,
  translator: string,
): Promise<void> {
  await host.check(`${translator}; mpu cdi generate --output /etc/cdi/mpu.json`);
  await host.check(`${engine} import ${await baseImage(['libc6:i386', 'hello:i386'])} localhost/debian:1`);
  const runIn = (options: string, command: string): ReturnType<typeof host.run> =>
    host.run(`${engine} run --rm --network=none ${options} ${command}`);

  await t.test('64-bit and 32-bit programs, confined ones too', async (t) => {
    const hardened = '--read-only --user=1000 --cap-drop=all --security-opt=no-new-privileges';
    for (const device of ['all', 'env']) {
      for (const options of ['', hardened]) {
        const maps = await runIn(
          `--device dev.mpu/preload=${device} ${options}`,
          'localhost/debian:1 cat /proc/self/maps /proc/self/mountinfo',
        );
        t.match(maps, { status: 0, stderr: '' });
        t.ok(maps.stdout.includes(LIBRARY), `${device} ${options}: it has the library`);
        t.match(maps.stdout, / \/usr\/lib\/mpu ro,nosuid,nodev/, 'read-only');
        t.match(maps.stdout, / (pid:\[\d+\]|\/direct|\/read) \/run\/mpu\/pidns ro,/, 'and the translator of the host');
      }
      const hello = await runIn(`--device dev.mpu/preload=${device}`, 'localhost/debian:1 hello');
      t.same(hello, { status: 0, stdout: 'Hello, world!\n', stderr: '' }, `${device}: a 32-bit program is silent`);
      const objects = await runIn(
        `--device dev.mpu/preload=${device}`,
        'localhost/debian:1 env LD_TRACE_LOADED_OBJECTS=1 hello',
      );
      t.match(objects.stdout, /\/usr\/lib\/mpu\/i[56]86\/libmpu\.so/, 'and loads the 32-bit library');
    }
  });

  await t.test('an image with lib64 and lib: its 32-bit programs are silent, too', async (t) => {
    await host.check(`${engine} import ${await lib64Image(directory)} localhost/lib64:1`);
    for (const device of ['all', 'env']) {
      const hello = await runIn(`--device dev.mpu/preload=${device}`, 'localhost/lib64:1 hello');
      t.same(hello, { status: 0, stdout: 'Hello, world!\n', stderr: '' }, device);
      const maps = await runIn(`--device dev.mpu/preload=${device}`, 'localhost/lib64:1 cat /proc/self/maps');
      t.match(maps, { status: 0, stderr: '' });
      t.ok(maps.stdout.includes(LIBRARY), device);
    }
  });

  await t.test("beside another vendor's device", async (t) => {
    const spec = {
      cdiVersion: '0.5.0',
      kind: 'nvidia.com/gpu',
      devices: [{ name: 'all', containerEdits: { env: ['NVIDIA_VISIBLE_DEVICES=void'] } }],
    };
    await host.check(`cat >/etc/cdi/nvidia.json <<'END'\n${JSON.stringify(spec)}\nEND`);
    const both = await runIn(
      '--device nvidia.com/gpu=all --device dev.mpu/preload=all',
      "localhost/debian:1 sh -c 'env; cat /proc/self/maps'",
    );
    t.match(both, { status: 0, stdout: 'NVIDIA_VISIBLE_DEVICES=void', stderr: '' });
    t.ok(both.stdout.includes(LIBRARY));
  });

  await t.test('env: an ld.so.preload of the image stays', async (t) => {
    const own = `${engine} run --name own --network=none localhost/debian:1 sh -c 'cp /lib/x86_64-linux-gnu/libm.so.6 /opt/own.so; echo /opt/own.so >/etc/ld.so.preload'`;
    await host.check(`${own}; ${engine} commit own localhost/own:1; ${engine} rm own`);
    const maps = await runIn('--device dev.mpu/preload=env', 'localhost/own:1 cat /proc/self/maps');
    t.match(maps, { status: 0, stdout: '/opt/own.so', stderr: '' });
    t.ok(maps.stdout.includes(LIBRARY));
  });

  await t.test('env: musl', async (t) => {
    await writeMuslImage(join(directory, 'musl.tar'));
    await host.check(`${engine} import ${join(directory, 'musl.tar')} localhost/musl:1`);
    const maps = await runIn('--device dev.mpu/preload=env', 'localhost/musl:1 /maps');
    t.match(maps, { status: 0, stderr: '' });
    t.ok(maps.stdout.includes(LIBRARY));
    t.notMatch(
      (await runIn('--device dev.mpu/preload=all', 'localhost/musl:1 /maps')).stdout,
      'libmpu',
      'which needs that device',
    );
  });
}
