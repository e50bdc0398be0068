// SPDX-License-Identifier: GPL-2.0-only
/** What docs/inject.md says to type is typed here, with a small image called train:7 in podman and docker. */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { lacking, startDocker, startPodman } from '../support/engines.js';
import { check, checkout, run } from '../support/mpu.js';
import { debianLayer, tinyTar } from '../support/tiny-layout.js';

const skip = await lacking(['podman', 'skopeo', 'docker', 'dockerd', 'umoci'], true);

await t.test('docs/inject.md', { skip, timeout: 600_000 }, async (t) => {
  const podman = await startPodman();
  t.teardown(() => podman.stop());
  const docker = await startDocker();
  t.teardown(() => docker.stop());
  const directory = join(podman.directory, 'work');
  await mkdir(join(directory, 'bin'), { recursive: true });
  const archive = join(directory, 'tree.tar');
  await writeFile(archive, await tinyTar(debianLayer));
  await podman.check('import', '--quiet', archive, 'localhost/train:7');
  await docker.check('import', archive, 'train:7');
  await writeFile(
    join(directory, 'bin', 'mpu'),
    `#!/bin/sh\nexec ${process.execPath} ${join(checkout, 'dist/cli.js')} "$@"\n`,
  );
  await chmod(join(directory, 'bin', 'mpu'), 0o755);
  const env = {
    ...docker.env,
    ...podman.env,
    DOCKER_HOST: docker.env.DOCKER_HOST,
    PATH: `${directory}/bin:${process.env.PATH ?? ''}`,
  };

  const page = await readFile(join(checkout, 'docs/inject.md'), 'utf8');
  const commands = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = '']) => block.trimEnd().split('\n'));
  t.ok(commands.length >= 17, `${commands.length} commands`);
  const said: Record<string, string> = {};
  for (const command of commands) {
    // 10 GB take minutes.
    const line = command.replace('bench/inject-time 10', `${checkout}bench/inject-time 0.02`);
    const ended = await run('bash', ['-euc', line], { cwd: directory, env });
    if (!t.equal(ended.status, 0, command)) t.comment(ended.stderr);
    said[command] = ended.stdout;
  }
  t.match(
    said['mpu inspect oci:./layout:7-mpu'],
    /linux\/amd64: injected\n[^]*ld\.so\.preload: \/usr\/lib\/mpu\/\$LIB\/libmpu\.so/,
  );
  t.match(said['mpu eject docker-archive:train-mpu.tar --output train-clean.tar'], /the original/);
  t.match(await docker.check('images', '--format', '{{.Repository}}:{{.Tag}}'), /train:7-mpu/);
  t.match(said['mpu inspect train:7-mpu'], /^train:7-mpu[^]*linux\/amd64: injected\n/);
  t.match(said['mpu eject train:7-mpu --tag train:7-clean'], /^train:7-clean\n[^]*, the original\n/);
  t.match(said['mpu eject --engine podman train:7-gpu'], /^localhost\/train:7-gpu-no-mpu\n[^]*, the original\n/);
  t.match(JSON.parse(said['mpu inspect oci:./layout:7 --json'] ?? ''), { state: 'not-injected' });
  const measured = [...(said['bench/inject-time 10'] ?? '').matchAll(/^([a-z-]+) +[\d.]+ +(\d+)$/gm)].map(
    ([, tool = '', bytes]) => [tool, Number(bytes)] as const,
  );
  t.same(
    measured.map(([tool]) => tool),
    ['mpu-first', 'mpu', 'mpu-never', 'umoci', 'podman', 'docker'],
    'beside the others, in one run',
  );
  for (const [tool, bytes] of measured.filter(([name]) => name.startsWith('mpu'))) {
    t.ok(
      bytes > 30_000 && bytes < 64 * 1024,
      `${tool} writes ${bytes} bytes, manifests of 40 layers and the library for two architectures among them`,
    );
  }
  const clean = JSON.parse(await check('skopeo', ['inspect', `oci:${directory}/layout:7-clean`])) as { Digest: string };
  t.same(
    JSON.parse(await check('skopeo', ['inspect', `oci:${directory}/layout:7`])),
    clean,
    'ejected, it is the image it was',
  );
});
