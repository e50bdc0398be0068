// SPDX-License-Identifier: GPL-2.0-only
/** The command lines of `mpu eject` and `mpu inspect`: help, text, JSON, environment variables, exit codes. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { mpu, type Ended } from '../support/mpu.js';
import { TinyLayout, debianLayer, writeStandInLibraries } from '../support/tiny-layout.js';

const libraries = t.testdir();
const env = { PATH: process.env.PATH, MPU_LIBRARY_DIR: libraries };
const json = ({ stdout }: Ended): Record<string, unknown> => JSON.parse(stdout) as Record<string, unknown>;

t.before(() => writeStandInLibraries(libraries));

async function injectedLayout(t: Test): Promise<string> {
  const layout = new TinyLayout(join(t.testdir(), 'layout'));
  await layout.finish(await layout.image({ layers: [debianLayer], tag: '1' }));
  t.match(await mpu(['inject', `oci:${layout.directory}:1`], { env }), { status: 0 });
  return `oci:${layout.directory}`;
}

await t.test('help and usage', async (t) => {
  for (const [command, words] of [
    [
      'eject',
      [
        'Examples:',
        'MPU_TAG',
        'MPU_OUTPUT',
        'MPU_READ_LAYERS',
        'MPU_FORCE',
        'MPU_JSON',
        'oci-archive:FILE',
        'Exit codes',
      ],
    ],
    ['inspect', ['Examples:', 'MPU_READ_LAYERS', 'MPU_LIBRARY_DIR', 'docker-archive:FILE', 'Exit codes']],
  ] as const) {
    const help = await mpu([command, '--help']);
    t.match(help, { status: 0, stderr: '' });
    for (const word of words) t.ok(help.stdout.includes(word), `${command}: ${word}`);
    for (const args of [[], ['a', 'b'], ['oci:'], ['oci:x', '--read-layers', 'perhaps'], ['A B']]) {
      t.match(
        await mpu([command, ...args]),
        { status: 2, stdout: '', stderr: /next:/ },
        `${command} ${args.join(' ')}`,
      );
    }
    t.match(json(await mpu([command, 'oci:/none', '--json'])), {
      ok: false,
      command,
      error: { code: 'layout-invalid', exitCode: 1 },
    });
  }
});

await t.test('eject', async (t) => {
  const layout = await injectedLayout(t);
  const ended = await mpu(['eject', `${layout}:1-mpu`], { env: { ...env, MPU_TAG: 'clean' } });
  t.match(ended, {
    status: 0,
    stderr: '',
    stdout: /:clean\n {2}made from .*:1-mpu\n {2}digest: +sha256:[0-9a-f]{64}, the original\n {2}added: +nothing\n/,
  });
  const again = await mpu(['eject', `${layout}:1-mpu`, '--tag', 'clean', '--json'], { env });
  t.match(again, { status: 0, stderr: '' });
  t.match(json(again), {
    schemaVersion: 1,
    command: 'eject',
    ok: true,
    outcome: 'unchanged',
    isOriginal: true,
    store: 'oci',
    platforms: ['linux/amd64'],
  });
  t.match(await mpu(['eject', `${layout}:1`], { env }), { status: 0, stdout: /unchanged: mpu is not in it/ });
  t.match(await mpu(['eject', `${layout}:1-mpu`, '--tag', '1-mpu'], { env }), {
    status: 2,
    stderr: /never moves[^]*next: mpu eject/,
  });
});

await t.test('inspect', async (t) => {
  const layout = await injectedLayout(t);
  const injected = await mpu(['inspect', `${layout}:1-mpu`], { env });
  t.match(injected, {
    status: 0,
    stderr: '',
    stdout:
      /linux\/amd64: injected\n +by: +mpu .*\n +layer: +the topmost\n +C library: +glibc\n +ld\.so\.preload: +\/usr/,
  });
  t.match(json(await mpu(['inspect', `${layout}:1`, '--json'], { env })), {
    schemaVersion: 1,
    command: 'inspect',
    state: 'not-injected',
    platforms: [{ platform: 'linux/amd64', libc: 'glibc', preloadFile: [], onInject: { action: 'inject' } }],
  });
  const unread = await mpu(['inspect', `${layout}:1`], { env: { ...env, MPU_READ_LAYERS: 'never' } });
  t.match(unread, { status: 0, stdout: /unknown: its layers were not read/ });
});
