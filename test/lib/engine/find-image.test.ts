// SPDX-License-Identifier: GPL-2.0-only
/** Finding an image in engines that are denied, stopped or silent: scripts in the place of docker and podman. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Engine } from '#mpu/lib/engine/engine.js';
import { check, mpu } from '../../support/mpu.js';
import { withoutEngines } from '../../support/without-engines.js';

const SHELL = '#!/bin/sh\n';
const PODMAN = `${SHELL}[ "$1" = --version ] && { echo podman version 5; exit; }
echo "Error: $3: image not known" >&2; exit 125\n`;
const refusing = (words: string): string =>
  `${SHELL}[ "$1" = --version ] && { echo Docker version 27; exit; }\necho "${words}" >&2; exit 1\n`;
const DENIED = 'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock';
const STOPPED = 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?';

async function engines(t: Test, scripts: Record<string, string>): Promise<string> {
  const directory = t.testdir();
  for (const [name, text] of Object.entries(scripts)) await writeFile(join(directory, name), text, { mode: 0o755 });
  return directory;
}

await t.test('docker cannot be used, and podman does not have the image', async (t) => {
  for (const [words, status, next] of [
    [DENIED, 4, 'run it with sudo'],
    [STOPPED, 3, 'sudo systemctl start docker'],
  ] as const) {
    const PATH = await engines(t, { docker: refusing(words), podman: PODMAN });
    const { stderr, ...ended } = await mpu(['inject', 'train:7'], { env: { ...process.env, PATH } });
    t.equal(ended.status, status);
    t.match(stderr, 'error: cannot use docker, where train:7 may be\n');
    t.match(stderr, `why:  ${words}; podman does not have it\n`);
    t.match(stderr, `next: ${next}`);
    t.match(stderr, 'if the image is in neither: podman pull train:7\n');
  }
  const PATH = await engines(t, { podman: PODMAN });
  const { stderr } = await mpu(['inject', 'train:7'], { env: { ...process.env, PATH } });
  t.match(stderr, 'error: cannot find the image train:7\n', 'podman alone');
});

await t.test('an engine that never answers', async (t) => {
  // It does not end at SIGTERM, either. `reached` tells that it was started.
  const silent = (when: string): string =>
    `${SHELL}[ "$1" = ${when} ] || { echo Docker version 27; exit; }
trap "" TERM INT; : >"$(dirname "$0")/reached"; while :; do /bin/sleep 1; done\n`;
  for (const [when, signal, status] of [
    ['--version', 'SIGTERM', 143],
    ['version', 'SIGINT', 130],
    ['image', 'SIGTERM', 143],
  ] as const) {
    const directory = await engines(t, { docker: silent(when) });
    const reached = join(directory, 'reached');
    await check('mkfifo', [reached]);
    let interrupted = 0;
    const ended = await mpu(['inject', 'train:7'], {
      env: { ...process.env, PATH: `${directory}:/usr/bin:/bin` },
      onStart: (child) => {
        void check('cat', [reached]).then(() => {
          interrupted = Date.now();
          child.kill(signal);
        });
      },
    });
    t.match(ended, { status, stdout: '', stderr: /interrupted/ }, `docker ${when}`);
    t.ok(Date.now() - interrupted < 2000, `gone in 2 s: ${Date.now() - interrupted} ms`);
  }
  const directory = await engines(t, { docker: `${SHELL}exec /bin/sleep 1000\n` });
  await withoutEngines(directory, () =>
    t.rejects(Engine.connect('docker', { limit: 200 }), {
      code: 'engine-down',
      exitCode: 3,
      why: 'it gave no answer for 0.2 s',
    }),
  );
});
