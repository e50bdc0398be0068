// SPDX-License-Identifier: GPL-2.0-only
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { lacking, startPodman } from '../../support/engines.js';
import { mpu } from '../../support/mpu.js';
import { debianLayer, tinyTar } from '../../support/tiny-layout.js';

await t.test(
  'an injected image of podman has the date of its source',
  {
    skip: await lacking(['podman', 'runc'], true),
  },
  async (t) => {
    const podman = await startPodman();
    t.teardown(() => podman.stop());
    const { env } = podman;
    const context = join(podman.directory, 'context');
    await mkdir(context);
    await writeFile(join(context, 'tree.tar'), await tinyTar(debianLayer));
    await writeFile(join(context, 'Dockerfile'), 'FROM scratch\nADD tree.tar /\n');
    const date = Date.UTC(2024, 4, 6, 7, 8, 9) / 1000;
    const dated = (name: string): Promise<string> =>
      podman.check('image', 'inspect', '--format', '{{.Created.Unix}} {{.Id}}', name);
    for (const format of ['oci', 'docker']) {
      const name = `localhost/train:${format}`;
      await podman.check('build', '--quiet', `--format=${format}`, `--timestamp=${date}`, `--tag=${name}`, context);
      t.match(await mpu(['inject', '--engine', 'podman', name], { env }), { status: 0 });
      t.match(await dated(`${name}-mpu`), new RegExp(`^${date} `));
      t.match(await mpu(['inject', '--engine', 'podman', name, '--json'], { env }), { stdout: /"unchanged"/ });
      await podman.check('rmi', `${name}-mpu`, name);
    }
  },
);
