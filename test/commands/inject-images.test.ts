// SPDX-License-Identifier: GPL-2.0-only
/** Real images of every kind, injected as layouts and archives and run: glibc, musl, distroless; gzip, zstd. */
import { readdirSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { baseImage } from '../support/base-image.js';
import { lacking, startDocker, startPodman } from '../support/engines.js';
import { check, mpu, run, type Ended } from '../support/mpu.js';

const LIBRARY = '/usr/lib/mpu/lib/x86_64-linux-gnu/libmpu.so';
const MAPS =
  '#include <stdio.h>\nint main(void){FILE*f=fopen("/proc/self/maps","r");int c;while((c=getc(f))!=EOF)putchar(c);return 0;}\n';

const skip = await lacking(['podman', 'runc', 'mmdebstrap', 'skopeo', 'umoci', 'gcc', 'musl-gcc', 'tar'], true);

await t.test('images that run', { skip }, async (t) => {
  const podman = await startPodman();
  t.teardown(() => podman.stop());
  const { env, directory } = podman;
  const layout = join(directory, 'layout');
  const source = join(directory, 'maps.c');
  await writeFile(source, MAPS);

  /** Puts a file system into the layout, under a tag. */
  const importTree = async (archive: string, tag: string, ...changes: string[]): Promise<void> => {
    await podman.check(
      'import',
      '--quiet',
      ...changes.flatMap((change) => ['--change', change]),
      archive,
      `localhost/${tag}:1`,
    );
    await check('skopeo', ['copy', '--quiet', `containers-storage:localhost/${tag}:1`, `oci:${layout}:${tag}`], {
      env,
    });
  };
  const inject = async (...args: string[]): Promise<void> => {
    const ended = await mpu(['inject', ...args]);
    t.match(ended, { status: 0 }, `inject ${args.join(' ')}: ${ended.stderr}`);
  };
  /** Runs an image that lies outside of podman. */
  const runImage = async (image: string, ...command: string[]): Promise<Ended> => {
    await check('skopeo', ['copy', '--quiet', image, 'containers-storage:localhost/run:1'], { env });
    return run('podman', ['run', '--rm', '--network=none', 'localhost/run:1', ...command], { env });
  };

  const base = await baseImage(['libc6:i386', 'hello:i386']);
  await importTree(base, 'debian', 'CMD=["/bin/cat","/proc/self/maps"]');

  await t.test('preload files: several entries, a comment, no last newline; a link; removed above', async (t) => {
    const root = join(directory, 'opt');
    await mkdir(root);
    for (const name of ['a', 'b']) {
      await check('sh', ['-c', `echo | gcc -shared -nostdlib -xc -o ${root}/${name}.so -`]);
    }
    await writeFile(join(directory, 'preload'), '/opt/a.so:/opt/b.so # mine');
    const insert = (tag: string, ...args: string[]): Promise<string> =>
      check('umoci', ['insert', '--image', `${layout}:${tag}`, ...args]);
    await check('umoci', ['tag', '--image', `${layout}:debian`, 'several']);
    await insert('several', root, '/opt');
    await insert('several', join(directory, 'preload'), '/etc/ld.so.preload');
    await check('umoci', ['tag', '--image', `${layout}:several`, 'removed']);
    await insert('removed', '--whiteout', '/etc/ld.so.preload');
    await inject(`oci:${layout}:several`);
    await inject(`oci:${layout}:removed`);
    const several = await runImage(`oci:${layout}:several-mpu`);
    t.match(several, { status: 0, stderr: '' });
    for (const library of ['/opt/a.so', '/opt/b.so', LIBRARY]) t.ok(several.stdout.includes(library), library);
    const removed = await runImage(`oci:${layout}:removed-mpu`);
    t.match(removed, { status: 0, stderr: '' });
    t.ok(removed.stdout.includes(LIBRARY));
    t.notOk(removed.stdout.includes('/opt/a.so'));
    const ejected = JSON.parse((await mpu(['eject', `oci:${layout}:several-mpu`, '--json'])).stdout) as {
      outcome: string;
    };
    t.match(ejected, { outcome: 'unchanged', isOriginal: true });
  });

  await t.test('zstd layers, and an archive of them', async (t) => {
    const copy = ['copy', '--quiet', '--dest-compress-format', 'zstd'];
    await check('skopeo', [...copy, `oci:${layout}:debian`, `oci-archive:${directory}/zstd.tar:1`]);
    await inject(`oci-archive:${directory}/zstd.tar`);
    const ended = await runImage(`oci-archive:${directory}/zstd-mpu.tar`);
    t.match(ended, { status: 0, stderr: '' });
    t.ok(ended.stdout.includes(LIBRARY));
  });

  await t.test('layers that are not read: LD_PRELOAD serves 64-bit and 32-bit programs', async (t) => {
    await inject(`oci:${layout}:debian`, '--read-layers', 'never', '--tag', 'unread');
    const ended = await runImage(`oci:${layout}:unread`);
    t.match(ended, { status: 0, stderr: '' });
    t.ok(ended.stdout.includes(LIBRARY));
    t.match(await runImage(`oci:${layout}:unread`, '/usr/bin/hello'), {
      status: 0,
      stdout: 'Hello, world!\n',
      stderr: '',
    });
  });

  await t.test('musl: LD_PRELOAD, beside a value that is there', async (t) => {
    const tree = join(directory, 'musl');
    await mkdir(join(tree, 'lib'), { recursive: true });
    await check('musl-gcc', ['-o', join(tree, 'maps'), source]);
    await check('cp', ['--dereference', '/lib/ld-musl-x86_64.so.1', join(tree, 'lib')]);
    await check('tar', ['-cf', `${tree}.tar`, '-C', tree, '.']);
    await importTree(`${tree}.tar`, 'musl', 'CMD=["/maps"]', 'ENV=LD_PRELOAD=/opt/none.so');
    for (const [tag, ...flags] of [
      ['musl-mpu'],
      ['musl-unread', '--read-layers', 'never', '--tag', 'musl-unread'],
    ] as const) {
      await inject(`oci:${layout}:musl`, ...flags);
      const ended = await runImage(`oci:${layout}:${tag}`);
      t.match(ended, { status: 0 }, ended.stderr);
      t.ok(ended.stdout.includes(LIBRARY), tag);
    }
    t.notOk((await runImage(`oci:${layout}:musl`)).stdout.includes('libmpu'), 'not in the source');
    t.match(await mpu(['inspect', `oci:${layout}:musl-mpu`]), {
      status: 0,
      stdout: /injected\n[^]*musl[^]*LD_PRELOAD: +\/opt\/none.so/,
    });
  });

  await t.test('scratch with nothing but glibc and a program', async (t) => {
    const tree = join(directory, 'scratch');
    await mkdir(join(tree, 'lib64'), { recursive: true });
    await check('gcc', ['-o', join(tree, 'maps'), source]);
    const [, libc = ''] = /libc\.so\.6 => (\S+)/.exec(await check('ldd', [join(tree, 'maps')])) ?? [];
    await mkdir(join(tree, libc, '..'), { recursive: true });
    await check('cp', ['--dereference', libc, join(tree, libc)]);
    await check('cp', ['--dereference', '/lib64/ld-linux-x86-64.so.2', join(tree, 'lib64')]);
    await check('tar', ['-cf', `${tree}.tar`, '-C', tree, '.']);
    await importTree(`${tree}.tar`, 'scratch', 'CMD=["/maps"]');
    await inject(`oci:${layout}:scratch`);
    const ended = await runImage(`oci:${layout}:scratch-mpu`);
    t.match(ended, { status: 0, stderr: '' });
    t.ok(ended.stdout.includes(LIBRARY));
  });

  await t.test('docker save, inject, docker load', { skip: await lacking(['docker', 'dockerd'], true) }, async (t) => {
    const docker = await startDocker();
    t.teardown(() => docker.stop());
    await docker.check('import', '--change', 'CMD ["/bin/cat","/proc/self/maps"]', base, 'train:7');
    const archive = join(docker.directory, 'train.tar');
    await docker.check('save', '--output', archive, 'train:7');
    await inject(`docker-archive:${archive}`);
    t.match(await docker.check('load', '--input', join(docker.directory, 'train-mpu.tar')), /train:7-mpu/);
    t.ok((await docker.check('run', '--rm', '--network=none', 'train:7-mpu')).includes(LIBRARY));
    const id = (name: string): Promise<string> => docker.check('image', 'inspect', '--format', '{{.Id}}', name);
    const before = await id('train:7');
    await docker.check('rmi', 'train:7');
    await docker.check('save', '--output', archive, 'train:7-mpu');
    t.match(
      await mpu(['eject', `docker-archive:${archive}`, '--output', `${archive}-clean`]),
      { status: 0, stdout: /the original/ },
      'rebuilt from what docker saved',
    );
    await docker.check('load', '--input', `${archive}-clean`);
    t.equal(await id('train:7'), before);
  });

  await t.test('an interrupt leaves nothing; progress only on a terminal', async (t) => {
    const image = `oci-archive:${directory}/zstd.tar`;
    const command = `exec "${process.execPath}" dist/cli.js inject ${image} --output ${directory}/new.tar`;
    const shown = await run('script', ['--quiet', '--return', '--command', command, '/dev/null']);
    t.match(shown, { status: 0, stdout: /copying blobs/ });
    await rm(join(directory, 'new.tar'));
    const large = join(directory, 'plain.tar');
    await check('skopeo', ['copy', '--quiet', `oci:${layout}:debian`, `docker-archive:${large}:train:7`]);
    const stopped = await mpu(['inject', `docker-archive:${large}`, '--output', join(directory, 'new.tar')], {
      onStart: (child) => {
        const timer = setInterval(() => {
          if (!readdirSync(directory).some((name) => name.startsWith('new.tar.'))) return;
          clearInterval(timer);
          child.kill('SIGTERM');
        }, 2);
        child.on('exit', () => {
          clearInterval(timer);
        });
      },
    });
    t.match(stopped, { status: 143, stdout: '', stderr: /interrupted/ });
    t.notOk(stopped.stderr.includes('copying'));
    await t.rejects(readFile(join(directory, 'new.tar')), { code: 'ENOENT' });
    t.equal(await check('sh', ['-c', `ls ${directory} | grep -c 'new.tar' || true`]), '0\n');
  });
});
