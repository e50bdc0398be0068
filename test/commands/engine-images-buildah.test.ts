// SPDX-License-Identifier: GPL-2.0-only
/** inject, inspect and eject on images of buildah. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { Subject, checkBuildah, checkEngine } from '../support/engine-images.js';
import { lacking, startPodman } from '../support/engines.js';
import { check, mpu, type Ended } from '../support/mpu.js';
import { debianLayer, tinyTar } from '../support/tiny-layout.js';

await t.test('buildah', { skip: await lacking(['podman', 'buildah', 'runc', 'musl-gcc', 'tar'], true) }, async (t) => {
  const podman = await startPodman();
  t.teardown(() => podman.stop());
  const subject = new Subject('buildah', podman);
  await checkEngine(t, subject);
  await checkBuildah(t, subject);
});

await t.test(
  'what an image has in place of files',
  { skip: await lacking(['podman', 'buildah', 'mkfifo', 'tar'], true) },
  async (t) => {
    const podman = await startPodman();
    t.teardown(() => podman.stop());
    const tree = join(podman.directory, 'tree');
    await mkdir(join(tree, 'etc'), { recursive: true });
    await writeFile(
      join(podman.directory, 'tree.tar'),
      await tinyTar({ ...debianLayer, 'proc/sys/kernel/osrelease': 'no release' }),
    );
    await check('tar', ['-xf', join(podman.directory, 'tree.tar'), '-C', tree]);
    const inject = async (name: string): Promise<Ended> => {
      await check('tar', ['-cf', join(podman.directory, 'image.tar'), '-C', tree, '.']);
      await podman.check('import', '--quiet', join(podman.directory, 'image.tar'), `localhost/${name}:1`);
      return mpu(['inject', '-e', 'buildah', `localhost/${name}:1`], { env: podman.env });
    };
    t.match(await inject('proc'), { status: 0, stderr: '' }, 'a /proc of its own is of no interest');
    await check('mkfifo', [join(tree, 'etc/ld.so.preload')]);
    t.match(await inject('pipe'), {
      status: 1,
      stderr: /cannot read \/etc\/ld\.so\.preload in the image[^]*it is no regular file/,
    });
    await check('rm', [join(tree, 'etc/ld.so.preload')]);
    await check('mknod', [join(tree, 'etc/ld.so.preload'), 'c', '1', '5']);
    t.match(await inject('device'), { status: 1, stderr: /it is no regular file/ });
    await check('rm', [join(tree, 'etc/ld.so.preload')]);
    await check('truncate', ['--size=9M', join(tree, 'etc/ld.so.preload')]);
    t.match(await inject('large'), { status: 1, stderr: /larger than 8 MiB/ });
  },
);
