// SPDX-License-Identifier: GPL-2.0-only
/** Interrupts while an engine saves or loads an image, which may take minutes. */
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { lacking, startPodman, type TestEngine } from '../support/engines.js';
import { check, mpu, run, type Ended } from '../support/mpu.js';
import { debianLayer, tinyTar } from '../support/tiny-layout.js';

/** Runs `mpu inject` with a podman that takes forever at `step`; `onReached` gets what interrupts it. */
async function injectSlowly(
  podman: TestEngine,
  step: string,
  onReached: (interrupt: () => void) => Promise<void>,
): Promise<Ended & { temporary: string; isAlive: boolean }> {
  const directory = join(podman.directory, `slow-${step}`);
  const temporary = join(directory, 'tmp');
  await mkdir(temporary, { recursive: true });
  const real = (await check('sh', ['-c', 'command -v podman'])).trim();
  const [script, reached, pid] = ['podman', 'reached', 'pid'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  await check('mkfifo', [reached]);
  await writeFile(
    script,
    `#!/bin/sh\n[ "$1" != ${step} ] || { echo $$ >${pid}; : >${reached}; exec sleep 1000; }\nexec ${real} "$@"\n`,
  );
  await chmod(script, 0o755);
  const env = { ...podman.env, PATH: `${directory}:${podman.env.PATH ?? ''}`, TMPDIR: temporary };
  let interrupted = Promise.resolve();
  const ended = await mpu(['inject', '--engine', 'podman', 'localhost/onbuild:1'], {
    env,
    onStart: (child) => {
      interrupted = check('cat', [reached]).then(() => onReached(() => void child.kill('SIGINT')));
    },
  });
  await interrupted;
  // A program that was ended a moment ago may still be there.
  const isAlive =
    (await run('sh', ['-c', `for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 $(cat ${pid}) || exit 1; sleep 0.5; done`]))
      .status === 0;
  return { ...ended, temporary, isAlive };
}

async function nothingMade(t: Test, podman: TestEngine, temporary: string): Promise<void> {
  t.same(await readdir(temporary), [], 'no archive is left');
  t.equal((await run('podman', ['image', 'exists', 'localhost/onbuild:1-mpu'], { env: podman.env })).status, 1);
}

await t.test('podman', { skip: await lacking(['podman', 'runc', 'mkfifo'], true) }, async (t) => {
  const podman = await startPodman();
  t.teardown(() => podman.stop());
  await writeFile(join(podman.directory, 'tree.tar'), await tinyTar(debianLayer));
  await podman.check('import', '--quiet', join(podman.directory, 'tree.tar'), 'localhost/base:1');
  await writeFile(join(podman.directory, 'Dockerfile'), 'FROM localhost/base:1\nONBUILD RUN false\n');
  await podman.check('build', '--quiet', '--format=docker', '--tag=localhost/onbuild:1', podman.directory);

  await t.test('saving is ended at once', async (t) => {
    const ended = await injectSlowly(podman, 'save', (interrupt) => {
      interrupt();
      return Promise.resolve();
    });
    t.match(ended, { status: 130, stdout: '', stderr: /SIGINT was received; nothing was changed/, isAlive: false });
    await nothingMade(t, podman, ended.temporary);
  });

  await t.test('loading is waited for, until the second interrupt', async (t) => {
    const ended = await injectSlowly(podman, 'load', async (interrupt) => {
      interrupt();
      await new Promise((resolve) => setTimeout(resolve, 1500));
      t.equal((await readdir(join(podman.directory, 'slow-load', 'tmp'))).length, 1, 'it waits');
      interrupt();
    });
    t.match(ended, { status: 130, stdout: '', stderr: /once more to leave at once/, isAlive: false });
    await nothingMade(t, podman, ended.temporary);
  });
});
