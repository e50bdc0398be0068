// SPDX-License-Identifier: GPL-2.0-only
/** Images of a real docker daemon, injected by its old builder and by BuildKit. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { baseImage } from '../support/base-image.js';
import { builderEnvironment, lacking, startDocker, startPodman } from '../support/engines.js';
import { mpu, run, type Ended } from '../support/mpu.js';
import { tinyTar } from '../support/tiny-layout.js';

interface Inspected {
  Id: string;
  RootFS: { Layers: string[] };
  Config: { Cmd: string[]; Volumes: Record<string, object> };
}

await t.test('docker', { skip: await lacking(['docker', 'dockerd', 'mmdebstrap', 'unshare'], true) }, async (t) => {
  const docker = await startDocker();
  t.teardown(() => docker.stop());
  const base = await baseImage(['libc6:i386', 'hello:i386']);
  await docker.check('import', '--change', 'CMD ["/bin/true"]', '--change', 'VOLUME /data', base, 'debian:1');

  const inject = (args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> =>
    mpu(['inject', '--engine', 'docker', ...args], { env: { ...docker.env, ...env } });
  const inspect = async (image: string): Promise<Inspected> =>
    (JSON.parse(await docker.check('image', 'inspect', image)) as [Inspected])[0];
  const inContainer = (image: string, ...command: string[]): Promise<Ended> =>
    run('docker', ['run', '--rm', '--network=none', image, ...command], { env: docker.env });

  const source = await inspect('debian:1');
  const checkImage = async (t: Test, image: string): Promise<void> => {
    const made = await inspect(image);
    t.same(made.RootFS.Layers.slice(0, -1), source.RootFS.Layers, 'one layer more');
    t.match(made.Config, { Cmd: ['/bin/true'], Volumes: { '/data': {} } });
    const maps = await inContainer(image, '/bin/cat', '/proc/self/maps');
    t.ok(maps.stdout.includes('/usr/lib/mpu/lib/x86_64-linux-gnu/libmpu.so'), 'a 64-bit program has it mapped');
    t.match(await inContainer(image, '/usr/bin/hello'), { status: 0, stdout: 'Hello, world!\n', stderr: '' });
    t.equal(await docker.check('ps', '--all', '--quiet'), '', 'no container is left');
    t.equal(await docker.check('volume', 'ls', '--quiet'), '', 'no volume is left');
    t.equal(
      await docker.check('images', '--quiet', '--filter', 'dangling=true'),
      '',
      'no image without a name is left',
    );
    t.notMatch(await docker.check('images', '--format', '{{.Repository}}'), /mpu-inject/, 'no other name is left');
    t.equal((await inspect('debian:1')).Id, source.Id, 'the source keeps its name');
  };

  await t.test('the builder that the user has', async (t) => {
    t.match(await inject(['debian:1']), { status: 0, stdout: /^debian:1-mpu\n/, stderr: '' });
    await checkImage(t, 'debian:1-mpu');
    const { Id } = await inspect('debian:1-mpu');
    t.match(await inject(['debian:1']), { status: 0, stdout: /unchanged: it was made/ });
    t.match(await inject(['debian:1-mpu']), { status: 0, stdout: /unchanged: it has libmpu.so already/ });
    t.equal((await inspect('debian:1-mpu')).Id, Id);
  });

  for (const [name, value] of [
    ['the old builder', '0'],
    ['BuildKit', '1'],
  ] as const) {
    const env = await builderEnvironment(docker, value);
    const skip = env === undefined && `NOT TESTED: no docker command here can use ${name}`;
    await t.test(name, { skip }, async (t) => {
      t.match(await inject(['debian:1', '--tag', `debian:builder${value}`], env), { status: 0, stderr: '' });
      await checkImage(t, `debian:builder${value}`);
    });
  }

  await t.test('refusals leave nothing', async (t) => {
    const allImages = async (): Promise<string[]> =>
      (await docker.check('images', '--all', '--quiet')).split('\n').sort();
    const before = await allImages();
    await docker.check('tag', 'debian:1', 'taken:1');
    t.match(await inject(['debian:1-mpu', '--tag', 'taken:1']), { status: 1, stderr: /--force/ });
    t.match(await inject(['none:1']), { status: 1, stderr: /docker does not have it[^]*next: docker pull none:1/ });
    const archive = join(docker.directory, 'static.tar');
    await writeFile(archive, await tinyTar({ 'bin/x': 'x' }));
    await docker.check('import', archive, 'static:1');
    t.match(await inject(['static:1']), { status: 1, stderr: /static programs/ });
    await docker.check('rmi', 'static:1', 'taken:1');
    t.same(await allImages(), before);
    t.equal(await docker.check('ps', '--all', '--quiet'), '');
  });

  await t.test('the engine that has the image is found', { skip: await lacking(['podman']) }, async (t) => {
    const podman = await startPodman();
    t.teardown(() => podman.stop());
    const archive = join(podman.directory, 'empty.tar');
    await writeFile(archive, await tinyTar({ x: 'y' }));
    await podman.check('import', '--quiet', archive, 'localhost/only-podman:1');
    const env = { ...podman.env, DOCKER_HOST: docker.env.DOCKER_HOST };
    t.match(await mpu(['inject', 'debian:1'], { env }), { status: 0, stderr: '', stdout: /^debian:1-mpu\n/ });
    t.match(await mpu(['inject', 'only-podman:1'], { env }), { status: 1, stderr: /static programs/ }, 'podman has it');
    t.match(await mpu(['inject', 'none:1'], { env }), {
      status: 1,
      stderr: /docker does not have it; podman does not/,
    });
    await podman.check('import', '--quiet', archive, 'localhost/debian:1');
    t.match(await mpu(['inject', 'debian:1'], { env }), { status: 0, stderr: /both docker and podman/ });
  });
});
