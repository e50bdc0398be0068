// SPDX-License-Identifier: GPL-2.0-only
/** A real Debian image, injected in a registry and run by podman from there. */
import t from 'tap';
import { baseImage } from '../support/base-image.js';
import { lacking, startPodman } from '../support/engines.js';
import { mpu, run, type Ended } from '../support/mpu.js';
import { home, registry } from '../support/registry-images.js';

const skip = await lacking(['docker-registry', 'podman', 'runc', 'mmdebstrap'], true);

await t.test('podman pushes, mpu injects, podman pulls and runs', { skip }, async (t) => {
  const podman = await startPodman();
  t.teardown(() => podman.stop());
  const { host, requests } = await registry(t, { user: { name: 'somebody', password: 'secret' } });
  const env = await home(t);
  delete env.MPU_LIBRARY_DIR;
  const there = { ...podman.env, HOME: env.HOME, XDG_RUNTIME_DIR: env.XDG_RUNTIME_DIR };
  const engine = async (...args: string[]): Promise<Ended> => {
    const ended = await run('podman', args, { env: there });
    t.equal(ended.status, 0, `podman ${args[0] ?? ''}: ${ended.stderr}`);
    return ended;
  };
  await engine('import', '--quiet', await baseImage(['libc6:i386', 'hello:i386']), `${host}/debian:1`);
  await engine('login', '--tls-verify=false', '--username', 'somebody', '--password', 'secret', host);
  await engine('push', '--quiet', '--tls-verify=false', `${host}/debian:1`);
  await requests();

  const injected = await mpu(['inject', `docker://${host}/debian:1`, '--json'], { env });
  t.match(injected, { status: 0 }, "with podman's login");
  const { sizeAdded } = JSON.parse(injected.stdout) as { sizeAdded: number };
  t.ok(sizeAdded > 0 && sizeAdded < 64 * 1024, `${sizeAdded} bytes`);
  const base = (await requests()).filter(({ method, path }) => method === 'GET' && path.includes('/blobs/'));
  t.equal(base.length, 1, 'the configuration was read, no layer');

  const image = `${host}/debian:1-mpu`;
  await engine('pull', '--quiet', '--tls-verify=false', image);
  t.match((await engine('run', '--rm', '--network=none', image, '/bin/cat', '/proc/self/maps')).stdout, /libmpu\.so/);
  t.same(
    await run('podman', ['run', '--rm', '--network=none', image, '/usr/bin/hello'], { env: there }),
    {
      status: 0,
      stdout: 'Hello, world!\n',
      stderr: '',
    },
    'a 32-bit program stays silent',
  );
});
