// SPDX-License-Identifier: GPL-2.0-only
/** A real Debian image with 64-bit and 32-bit programs, injected in podman and in an OCI layout, and run. */
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { baseImage } from '../support/base-image.js';
import { lacking, startPodman, type TestEngine } from '../support/engines.js';
import { check, mpu, run, type Ended } from '../support/mpu.js';
import { debianArmLayer, tinyTar } from '../support/tiny-layout.js';

const LIBRARY = '/usr/lib/mpu/lib/x86_64-linux-gnu/libmpu.so';
const LIBRARY_32 = '/usr/lib/mpu/lib/i386-linux-gnu/libmpu.so';

interface Inspected {
  Id: string;
  Architecture: string;
  RepoTags: string[];
  RootFS: { Layers: string[] };
  Config: { Cmd?: string[]; Labels?: Record<string, string>; Healthcheck?: unknown };
}

const skip = await lacking(['podman', 'runc', 'mmdebstrap', 'skopeo', 'umoci'], true);

await t.test('podman', { skip }, async (t) => {
  const podman = await startPodman();
  t.teardown(() => podman.stop());
  await podman.check(
    'import',
    '--quiet',
    '--change',
    'CMD=["/bin/true"]',
    await baseImage(['libc6:i386', 'hello:i386']),
    'localhost/debian:1',
  );

  const inject = (...args: string[]): Promise<Ended> =>
    mpu(['inject', '--engine', 'podman', ...args], { env: podman.env });
  const inspect = async (image: string): Promise<Inspected> =>
    (JSON.parse(await podman.check('image', 'inspect', image)) as [Inspected])[0];
  const inContainer = (image: string, ...command: string[]): Promise<Ended> =>
    run('podman', ['run', '--rm', '--network=none', image, ...command], { env: podman.env });

  await t.test('one layer more, a new name, the source untouched', async (t) => {
    const before = await inspect('debian:1');
    const ended = await inject('debian:1', '--json');
    t.match(ended, { status: 0, stderr: '' });
    t.match(JSON.parse(ended.stdout), { outcome: 'created', image: 'localhost/debian:1-mpu', store: 'podman' });
    t.same(await inspect('debian:1'), before);
    const after = await inspect('debian:1-mpu');
    t.same(after.RootFS.Layers.slice(0, -1), before.RootFS.Layers);
    t.same(after.Config.Cmd, ['/bin/true']);
    t.match(after.Config.Labels, { 'dev.mpu.base': `sha256:${before.Id}`, 'dev.mpu.layers': '2' });
    await nothingLeft(t, podman);
  });

  await t.test('programs load the library, silently', async (t) => {
    const maps = await inContainer('debian:1-mpu', '/bin/cat', '/proc/self/maps');
    t.match(maps, { status: 0, stderr: '' });
    t.ok(maps.stdout.includes(LIBRARY), 'a 64-bit program has it mapped');
    t.match(await inContainer('debian:1-mpu', '/usr/bin/hello'), { status: 0, stdout: 'Hello, world!\n', stderr: '' });
    const loaded = await inContainer('debian:1-mpu', '/usr/bin/env', 'LD_TRACE_LOADED_OBJECTS=1', '/usr/bin/hello');
    t.ok(loaded.stdout.includes(LIBRARY_32), 'a 32-bit program loads the 32-bit one');
    t.notOk(
      (await inContainer('debian:1', '/bin/cat', '/proc/self/maps')).stdout.includes('libmpu'),
      'not in the source',
    );
  });

  await t.test('again: nothing changes', async (t) => {
    const { Id } = await inspect('debian:1-mpu');
    t.match(await inject('debian:1'), { status: 0, stdout: /unchanged: it was made from debian:1 before/ });
    t.match(await inject('debian:1-mpu'), { status: 0, stdout: /unchanged: it has libmpu.so already/ });
    t.equal((await inspect('debian:1-mpu')).Id, Id);
    t.match(await inject('debian:1-mpu', '--tag', 'localhost/alias:1'), { status: 0 });
    t.equal((await inspect('localhost/alias:1')).Id, Id);
    t.match(await inject(Id, '--tag', 'localhost/debian:2'), { status: 0 }, 'by id');
    await nothingLeft(t, podman);
  });

  await t.test('names that are taken', async (t) => {
    await podman.check('tag', 'debian:1', 'localhost/taken:1');
    const refused = await inject('alias:1', '--tag', 'taken:1');
    t.match(refused, { status: 1, stdout: '', stderr: /exists[^]*--force/ });
    t.match(await inject('debian:1', '--tag', 'debian:1'), { status: 2, stderr: /never moves/ });
    t.match(await inject('alias:1', '--tag', 'taken:1', '--force'), { status: 0 });
    t.match(await inject('localhost/none:1'), { status: 1, stderr: /podman does not have it[^]*next: podman pull/ });
    await nothingLeft(t, podman);
  });

  await t.test('a preload file that is there, another architecture, docker format', async (t) => {
    const archive = join(podman.directory, 'arm.tar');
    await writeFile(archive, await tinyTar({ ...debianArmLayer, 'etc/': null, 'etc/ld.so.preload': '/a.so' }));
    await podman.check('import', '--quiet', '--arch', 'arm64', archive, 'localhost/arm:0');
    const dockerfile = join(podman.directory, 'Dockerfile');
    await writeFile(dockerfile, 'FROM localhost/arm:0\nHEALTHCHECK CMD ["/x"]\nUSER 1000\nWORKDIR /tmp\n');
    const flags = ['--quiet', '--format=docker', '--platform=linux/arm64', '--tag=localhost/arm:1'];
    await podman.check('build', ...flags, '--file', dockerfile, podman.directory);
    t.match(await inject('arm:1'), { status: 0, stdout: /platforms: linux\/arm64/ });
    const made = await inspect('arm:1-mpu');
    t.equal(made.Architecture, 'arm64');
    t.equal(made.RootFS.Layers.length, (await inspect('arm:1')).RootFS.Layers.length + 1);
    t.same(made.Config.Healthcheck, (await inspect('arm:1')).Config.Healthcheck);
    const container = (await podman.check('create', '--network=none', 'arm:1-mpu', '/x')).trim();
    await podman.check('cp', `${container}:/etc/ld.so.preload`, join(podman.directory, 'preload'));
    await podman.check('rm', container);
    t.equal(await check('cat', [join(podman.directory, 'preload')]), '/a.so\n/usr/lib/mpu/$LIB/libmpu.so\n');
  });

  await t.test('images that cannot be injected', async (t) => {
    const archive = join(podman.directory, 'other.tar');
    await writeFile(archive, await tinyTar({ 'lib/ld-musl-x86_64.so.1': 'musl' }));
    await podman.check('import', '--quiet', '--arch', 'riscv64', archive, 'localhost/riscv:1');
    t.match(await inject('riscv:1'), { status: 1, stderr: /linux\/riscv64/ });
    await nothingLeft(t, podman);
  });

  await t.test('an interrupt, while reading and while building', async (t) => {
    for (const step of ['cp', 'build', 'tag']) {
      const { env, reached } = await slowPodman(podman, step);
      const ended = await mpu(['inject', '--engine', 'podman', 'debian:1', '--tag', 'localhost/never:1'], {
        env,
        onStart: (child) => void reached().then(() => child.kill('SIGINT')),
      });
      if (step === 'tag') {
        t.match(ended, { status: 0 }, 'too late: the image is finished');
        await podman.check('untag', 'localhost/never:1');
        await podman.check('image', 'prune', '--force');
        continue;
      }
      t.match(ended, { status: 130, stdout: '', stderr: /interrupted/ }, step);
      t.equal((await run('podman', ['image', 'exists', 'localhost/never:1'], { env: podman.env })).status, 1);
      await nothingLeft(t, podman);
    }
  });

  await t.test('an OCI layout of it: skopeo and umoci read it, podman runs it', async (t) => {
    const layout = join(podman.directory, 'layout');
    const copy = ['copy', '--quiet', '--dest-oci-accept-uncompressed-layers'];
    await check('skopeo', [...copy, 'containers-storage:localhost/debian:1', `oci:${layout}:1`], { env: podman.env });
    const ended = await mpu(['inject', `oci:${layout}`]);
    t.match(ended, { status: 0, stderr: '' });
    const inspected = JSON.parse(await check('skopeo', ['inspect', `oci:${layout}:1-mpu`])) as { Layers: string[] };
    t.equal(inspected.Layers.length, 2);
    const bundle = join(podman.directory, 'bundle');
    await check('umoci', ['unpack', '--image', `${layout}:1-mpu`, bundle]);
    t.same((await readdir(join(bundle, 'rootfs/usr/lib/mpu'))).sort(), ['lib', 'lib32', 'lib64']);
    const maps = await run('chroot', [
      join(bundle, 'rootfs'),
      '/usr/bin/env',
      'LD_TRACE_LOADED_OBJECTS=1',
      '/bin/true',
    ]);
    t.ok(maps.stdout.includes('/usr/lib/mpu/lib/x86_64-linux-gnu/libmpu.so'));
    await check('skopeo', ['copy', '--quiet', `oci:${layout}:1-mpu`, 'containers-storage:localhost/copied:1'], {
      env: podman.env,
    });
    t.match(await inContainer('copied:1', '/usr/bin/hello'), { status: 0, stdout: 'Hello, world!\n', stderr: '' });
    t.match(await mpu(['inject', 'copied:1', '-e', 'podman'], { env: podman.env }), {
      stdout: /has libmpu.so already/,
    });
  });
});

/** No container and no image without a name. */
async function nothingLeft(t: Test, podman: TestEngine): Promise<void> {
  t.equal(await podman.check('ps', '--all', '--external', '--quiet'), '', 'no container is left');
  t.equal(await podman.check('images', '--all', '--quiet', '--filter', 'dangling=true'), '', 'no image is left');
}

/** A podman that takes its time after beginning one of its commands, and says when it has begun. */
async function slowPodman(
  podman: TestEngine,
  step: string,
): Promise<{ env: NodeJS.ProcessEnv; reached: () => Promise<string> }> {
  const directory = join(podman.directory, `slow-${step}`);
  await mkdir(directory);
  const script = join(directory, 'podman');
  await check('mkfifo', [join(directory, 'reached')]);
  const real = (await check('sh', ['-c', 'command -v podman'])).trim();
  const wait = `[ "$1" = ${step} ] && [ ! -e ${directory}/once ] && { : >${directory}/once; : >${directory}/reached; sleep 0.5; }`;
  await writeFile(script, `#!/bin/sh\n${wait}\nexec ${real} "$@"\n`);
  await chmod(script, 0o755);
  return {
    env: { ...podman.env, PATH: `${directory}:${podman.env.PATH ?? ''}` },
    reached: () => check('cat', [join(directory, 'reached')]),
  };
}
