// SPDX-License-Identifier: GPL-2.0-only
/** The command line of mpu: help, usage errors, JSON, environment variables, exit codes. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { version } from '#mpu/index.js';
import { lacking } from '../support/engines.js';
import { checkout, mpu, run, type Ended } from '../support/mpu.js';
import { TinyLayout, debianLayer, writeStandInLibraries } from '../support/tiny-layout.js';

interface Document {
  schemaVersion: number;
  command: string;
  ok: boolean;
  error?: { code: string; what: string; why: string; next: string; exitCode: number };
  image?: string;
}

const libraries = t.testdir();
const document = ({ stdout }: Ended): Document => JSON.parse(stdout) as Document;
const bare = { PATH: process.env.PATH };

t.before(() => writeStandInLibraries(libraries));

/** A program directory in which `docker` or `podman` says and does what a script says. */
async function fakeEngines(directory: string, scripts: Record<string, string>): Promise<NodeJS.ProcessEnv> {
  await mkdir(directory, { recursive: true });
  for (const [name, script] of Object.entries(scripts)) {
    await writeFile(join(directory, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(directory, name), 0o755);
  }
  return { PATH: directory };
}

await t.test('help and version go to stdout', async (t) => {
  const help = await mpu(['--help']);
  t.match(help, { status: 0, stderr: '' });
  t.match(help.stdout, /inject .*\n/);
  const inject = await mpu(['inject', '--help']);
  t.match(inject, { status: 0, stderr: '' });
  for (const word of ['Examples:', 'MPU_ENGINE', 'MPU_TAG', 'MPU_FORCE', 'MPU_JSON', 'oci:DIR', 'Exit codes']) {
    t.ok(inject.stdout.includes(word), word);
  }
  t.same(await mpu(['--version']), { status: 0, stdout: `${version}\n`, stderr: '' });
  t.match(document(await mpu(['--version', '--json'])), { schemaVersion: 1, ok: true, version });
});

await t.test('usage errors exit 2 and leave stdout empty', async (t) => {
  for (const args of [
    [],
    ['nonsense'],
    ['inject'],
    ['inject', 'a', 'b'],
    ['inject', '--engine', 'x', 'a'],
    ['inject', 'A B'],
  ]) {
    const ended = await mpu(args);
    t.match(ended, { status: 2, stdout: '' }, args.join(' '));
    t.not(ended.stderr, '');
    const json = await mpu([...args, '--json']);
    t.match(json, { status: 2, stderr: '' }, `${args.join(' ')} --json`);
    t.match(document(json), { schemaVersion: 1, ok: false, error: { exitCode: 2 } });
  }
});

await t.test('a reader that closes the pipe is no error', async (t) => {
  const ended = await run('sh', ['-c', '"$0" dist/cli.js inject --help | head -c 1', process.execPath], {
    cwd: checkout,
  });
  t.match(ended, { status: 0, stderr: '' });
});

await t.test('flags may come from the environment', async (t) => {
  const layout = new TinyLayout(join(t.testdir(), 'layout'));
  await layout.finish(await layout.image({ layers: [debianLayer], tag: '1' }));
  const env = { ...bare, MPU_LIBRARY_DIR: libraries, MPU_TAG: 'other', MPU_JSON: '1' };
  const made = await mpu(['inject', `oci:${layout.directory}:1`], { env });
  t.match(made, { status: 0, stderr: '' });
  t.match(document(made), { command: 'inject', ok: true, image: `oci:${layout.directory}:other` });
  t.match(document(await mpu(['inject', 'app'], { env: { ...env, MPU_ENGINE: 'none' } })), { error: { exitCode: 2 } });
  const off = await mpu(['inject', `oci:${layout.directory}:1`], { env: { ...env, MPU_JSON: '0', MPU_FORCE: 'no' } });
  t.match(off.stdout, /^oci:.*:other\n {2}unchanged/);
  const dated = await mpu(['inject', `oci:${layout.directory}:1`], { env: { ...env, SOURCE_DATE_EPOCH: 'today' } });
  t.match(document(dated), { error: { why: /SOURCE_DATE_EPOCH|"today"/, exitCode: 2 } });
});

await t.test('without an engine: exit 3', async (t) => {
  const env = await fakeEngines(t.testdir(), {});
  t.match(await mpu(['inject', 'app'], { env }), {
    status: 3,
    stdout: '',
    stderr: /none of docker, podman, nerdctl, buildah[^]*next:/,
  });
  t.match(await mpu(['inject', '-e', 'podman', 'app'], { env }), { status: 3, stderr: /no podman in PATH/ });
});

await t.test('a daemon that does not run: exit 3; one that refuses: exit 4', async (t) => {
  const docker = (says: string): string =>
    `[ "$1" = --version ] || { echo "${says}" >&2; exit 1; }; echo Docker version 1`;
  const down = await fakeEngines(join(t.testdir(), 'down'), {
    docker: docker('Cannot connect to the Docker daemon at x'),
  });
  t.match(await mpu(['inject', 'app'], { env: down }), { status: 3, stderr: /Cannot connect[^]*next:.*start docker/ });
  const denied = await fakeEngines(join(t.testdirName, 'denied'), {
    docker: docker('permission denied while trying to connect to the Docker daemon socket'),
  });
  t.match(await mpu(['inject', 'app'], { env: denied }), { status: 4, stderr: /permission denied[^]*next:.*group/ });
});

await t.test('podman under the name of docker is podman', async (t) => {
  const podman =
    'case $1 in --version) echo podman version 4.3.1;; *) echo "$0 $*" >&2; echo "x: image not known" >&2; exit 125;; esac';
  const env = await fakeEngines(t.testdir(), { docker: podman, podman });
  const ended = await mpu(['inject', 'app'], { env });
  t.match(ended, { status: 1, stderr: /podman does not have it/ });
});

await t.test('a directory that may not be written: exit 4', { skip: await lacking(['setpriv']) }, async (t) => {
  const layout = new TinyLayout(join(t.testdir(), 'layout'));
  await layout.finish(await layout.image({ layers: [debianLayer], tag: '1' }));
  const blobs = join(layout.directory, 'blobs', 'sha256');
  await chmod(blobs, 0o555);
  const before = await layout.snapshot();
  // Root may write anywhere, unless it lacks this capability.
  const drop = process.getuid?.() === 0 ? ['--bounding-set=-dac_override,-dac_read_search', '--'] : ['--'];
  const args = [
    ...drop,
    process.execPath,
    'dist/cli.js',
    'inject',
    `oci:${layout.directory}:1`,
    '--library-dir',
    libraries,
  ];
  const ended = await run('setpriv', args, { env: bare, cwd: checkout });
  await chmod(blobs, 0o755);
  t.match(ended, { status: 4, stdout: '', stderr: /EACCES/ });
  t.same(await layout.snapshot(), before);
});
