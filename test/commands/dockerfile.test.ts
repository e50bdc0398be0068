// SPDX-License-Identifier: GPL-2.0-only
/** `mpu dockerfile` and docs/base-image.md: what it prints is built by every builder, and run. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { baseImage } from '../support/base-image.js';
import { builderEnvironment, lacking, startDocker, startPodman, type TestEngine } from '../support/engines.js';
import { check, checkout, mpu, run } from '../support/mpu.js';
import { writeMuslImage } from '../support/musl-image.js';
import { tinyTar } from '../support/tiny-layout.js';

const LIBRARY = '/usr/lib/mpu/lib/x86_64-linux-gnu/libmpu.so';
const library = join(checkout, 'build/preload/x86_64/libmpu.so');
const page = await readFile(join(checkout, 'docs/base-image.md'), 'utf8');
const [commands = ''] = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
const [shown = ''] = [...page.matchAll(/^```dockerfile\n(.*?)^```$/gms)].map(([, block = '']) => block);

await t.test('without an engine', async (t) => {
  const directory = t.testdir();
  const env = { PATH: '/none' };
  const ended = await mpu(['dockerfile', '--from', 'nvidia/cuda:12.4.1-base-ubuntu22.04', '--context', directory], {
    env,
  });
  t.match(ended, { status: 0, stderr: '' });
  t.equal(ended.stdout.replace(/^#.*\n/, ''), shown, 'what the page shows');
  for (const [target, triplet] of [
    ['amd64', 'x86_64-linux-gnu'],
    ['arm64', 'aarch64-linux-gnu'],
  ] as const) {
    const listed = await check('tar', ['-tf', join(directory, `mpu-${target}.tar`)]);
    t.match(listed, `usr/lib/mpu/lib/${triplet}/libmpu.so\n`);
    t.notMatch(listed, /^(usr|usr\/lib|etc)\/$/m, 'no directory of the image is listed, so none is changed');
  }
  t.match(await mpu(['dockerfile', '--from', 'a:1'], { env }), { status: 0, stderr: /--context DIR/ });
  t.match(await mpu(['dockerfile'], { env }), { status: 2, stderr: /--from/ });
  t.match(await mpu(['dockerfile', '--from', 'oci:x'], { env }), { status: 2, stderr: /next: mpu inject/ });
  t.match(await mpu(['dockerfile', '--from', 'a:1', '--engine', 'podman'], { env }), {
    status: 3,
    stderr: /no podman in PATH/,
  });
  t.match(JSON.parse((await mpu(['dockerfile', '--from', 'a:1', '--json'], { env })).stdout), {
    ok: true,
    loadedBy: 'LD_PRELOAD',
    files: ['mpu-amd64.tar', 'mpu-arm64.tar'],
  });
});

/** Puts images into an engine: one with a preload file of its own, whose last line has no end, and one on musl. */
async function fill(engine: TestEngine): Promise<void> {
  const directory = join(engine.directory, 'own');
  await mkdir(directory);
  await engine.check('import', await baseImage([]), 'debian:1');
  await writeFile(
    join(directory, 'own.tar'),
    await tinyTar({ 'etc/ld.so.preload': '/opt/own.so', 'opt/own.so': await readFile(library) }),
  );
  await writeFile(join(directory, 'Dockerfile'), 'FROM debian:1\nADD own.tar /\n');
  await engine.check('build', '--quiet', '--tag', 'own:1', directory);
  await writeMuslImage(join(engine.directory, 'musl.tar'));
  await engine.check('import', '--change', 'ENV LD_PRELOAD=/none.so', join(engine.directory, 'musl.tar'), 'musl:1');
}

/** Types the page's commands for an image, with another builder, and runs what comes of it. */
async function buildAndRun(t: Test, engine: TestEngine, builder: string, env: NodeJS.ProcessEnv): Promise<void> {
  const type = async (image: string): Promise<string> => {
    const directory = join(engine.directory, `${builder.replaceAll(/\W+/g, '-')}-${image.replace(':', '-')}`);
    await mkdir(directory);
    const script = commands
      .replace(/^mpu /, `${process.execPath} ${join(checkout, 'dist/cli.js')} `)
      .replace(/--from \S+/, `--from ${image}`)
      .replace('docker build', builder);
    const ended = await run('sh', ['-euc', script], { env, cwd: directory });
    if (!t.equal(ended.status, 0, `${builder}, ${image}`)) t.comment(ended.stderr);
    return readFile(join(directory, 'Dockerfile'), 'utf8');
  };
  const inContainer = (...command: string[]): ReturnType<typeof run> =>
    run(engine.name, ['run', '--rm', '--network=none', 'team/base', ...command], { env: engine.env });

  t.notMatch(await type('own:1'), 'ENV', 'an image that was looked at');
  const maps = await inContainer(
    '/usr/bin/env',
    '--ignore-environment',
    '/bin/cat',
    '/proc/self/maps',
    '/etc/ld.so.preload',
  );
  t.match(maps, { status: 0, stderr: '' });
  t.ok(maps.stdout.includes(LIBRARY), 'it is loaded, whatever the environment');
  t.ok(maps.stdout.endsWith('/opt/own.so\n/usr/lib/mpu/$LIB/libmpu.so\n'), 'beside what was there');

  t.match(await type('musl:1'), /^ENV LD_PRELOAD=/m);
  const musl = await inContainer('/maps');
  t.ok(musl.stdout.includes(LIBRARY), 'musl');
  const environment = await engine.check('image', 'inspect', '--format', '{{.Config.Env}}', 'team/base');
  t.match(environment, 'LD_PRELOAD=/none.so:/usr/lib/mpu/$PLATFORM/libmpu.so', 'a variable that was there is kept');
}

const needs = ['mmdebstrap', 'unshare', 'musl-gcc'];
await t.test('docker', { skip: await lacking(['docker', 'dockerd', ...needs], true) }, async (t) => {
  const docker = await startDocker();
  t.teardown(() => docker.stop());
  await fill(docker);
  for (const [name, value, builder] of [
    ['the old builder', '0', 'docker build --build-arg TARGETARCH=amd64'],
    ['BuildKit', '1', 'docker build'],
  ] as const) {
    const env = await builderEnvironment(docker, value);
    const skip = env === undefined && `NOT TESTED: no docker command here can use ${name}`;
    await t.test(name, { skip }, (t) => buildAndRun(t, docker, builder, { ...docker.env, ...env }));
  }
});

await t.test(
  'podman and buildah',
  { skip: await lacking(['podman', 'buildah', 'runc', ...needs], true) },
  async (t) => {
    const podman = await startPodman();
    t.teardown(() => podman.stop());
    await fill(podman);
    for (const builder of ['podman build', 'buildah build']) await buildAndRun(t, podman, builder, podman.env);
  },
);
