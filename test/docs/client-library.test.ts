// SPDX-License-Identifier: GPL-2.0-only
/** What docs/client-library.md says to type is typed here, with podman, without sudo, and installed into a prefix of its own. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { BASE_IMAGE, containersRunner } from '#mpu/lib/demo/in-containers.js';
import { fetchNvidiaClients } from '#mpu/lib/nvidia-clients/nvidia-clients.js';
import { packageRoot } from '#mpu/lib/package/root.js';

t.setTimeout(600_000);

const page = readFileSync(join(packageRoot, 'docs', 'client-library.md'), 'utf8');
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(([, code = '']) => code.trim());
const [install = '', build = '', container = '', bench = ''] = blocks('sh');

function type(script: string, directory: string, around: string[] = []): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('env', [...around, 'bash', '-euc', script], {
    cwd: directory,
    encoding: 'utf8',
  });
  return { status, output: `${stdout}${stderr}` };
}

const directory = t.testdir();

void t.test('installing it, and a program that uses it', (t) => {
  t.equal(blocks('sh').length, 4, 'the commands that this test types');
  const installed = type(install.replace('sudo ', '').replace('/usr/local', join(directory, 'prefix')), packageRoot);
  t.equal(installed.status, 0, installed.output);
  writeFileSync(join(directory, 'hostpid.c'), `${blocks('c').join('\n')}\n`);
  const { status, output } = type(build, directory, [
    `PKG_CONFIG_PATH=${join(directory, 'prefix', 'lib', 'pkgconfig')}`,
  ]);
  t.equal(status, 0, output);
  t.match(
    output,
    /^(\d+) is \1 on the host\nthe host's \1 is \1 here\n(\d+) is \2 on the host\nthe host's 1 is 1 here\n$/,
    'on the host',
  );
  t.end();
});

const [major = 0, minor = 0] = release().split('.').map(Number);
const skip =
  process.getuid?.() !== 0
    ? 'NOT TESTED: needs root, for mounts and containers'
    : major > 6 || (major === 6 && minor >= 11)
      ? false
      : `NOT TESTED: Linux ${release()} has no translation by namespace files`;

void t.test('in a container', { skip }, async (t) => {
  const cache = join(packageRoot, '.cache');
  const [client] = await fetchNvidiaClients(cache, ['550.163']);
  if (client === undefined) throw new Error('no client');
  await containersRunner(join(cache, 'demo'), client, (line) => {
    t.comment(line);
  });
  const command = container.replace('docker run', 'podman run --network=none').replace('debian:12', BASE_IMAGE);
  const setup =
    'mount -t tmpfs none /run; mkdir /run/mpu; touch /run/mpu/pidns; mount --bind /proc/self/ns/pid /run/mpu/pidns';
  const { status, output } = type(`${setup}\n${command}`, directory, [
    'unshare',
    '--mount',
    '--propagation',
    'private',
  ]);
  t.equal(status, 0, output);
  const [, here, host, there] = /^(\d+) is (\d+) on the host\nthe host's \2 is (\d+) here$/m.exec(output) ?? [];
  t.equal(here, '1', 'PID 1 there');
  t.equal(there, here, 'and back');
  t.ok(Number(host) > 1, `${String(host)} here`);
});

void t.test('the benchmark, without its guest', { skip }, async (t) => {
  t.equal(bench, 'bench/host-pid-latency');
  // NVML, where there is no GPU.
  await fetchNvidiaClients(join(packageRoot, '.cache'), ['525.147']);
  const { status, output } = type(`${bench} none`, packageRoot);
  t.equal(status, 0, output);
  for (const name of ['client', 'broker', 'snapshots', 'hami_core']) {
    t.match(output, new RegExp(`^${name} [\\d.]+ us, [\\d.]+ times client$`, 'm'), name);
  }
});
