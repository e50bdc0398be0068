// SPDX-License-Identifier: GPL-2.0-only
/** What README.md and docs/testing.md say to type is typed here, as it stands there but for what each test names. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { BASE_IMAGE, containerStage } from '#mpu/lib/demo/container-stage.js';
import { shellQuote, SIMULATION } from '#mpu/lib/demo/scene.js';
import { fetchNvidiaClients } from '#mpu/lib/nvidia-clients.js';
import { packageRoot } from '#mpu/lib/package-root.js';
import { codeBlocks } from '../lib/docs.js';

function run(script: string, around: string[] = []): { status: number | null; output: string } {
  const result = spawnSync('env', [...around, 'bash', '-euc', script], { cwd: packageRoot, encoding: 'utf8', maxBuffer: 1 << 26 });
  return { status: result.status, output: `${result.stdout}${result.stderr}` };
}

const [demo, suite, install, host, inject, container] = codeBlocks('README.md', 'sh');

void t.test('README.md has the commands that this test types', (t) => {
  t.equal(codeBlocks('README.md', 'sh').length, 6);
  t.equal(demo, 'npm run demo');
  t.equal(suite, 'npm test', 'which is what runs this');
  t.end();
});

void t.test('npm run demo', (t) => {
  const { status, output } = run(demo ?? '');
  t.equal(status, 0, output);
  for (const regime of ['R0', 'R1', 'R2', 'R3b', 'R4']) t.match(output, `${regime}: driver`);
  t.match(output, /8192MiB/);
  t.end();
});

void t.test('installing the command, into a prefix of its own and without sudo', (t) => {
  const prefix = mkdtempSync(join(tmpdir(), 'mpu-prefix-'));
  t.teardown(() => {
    rmSync(prefix, { recursive: true });
  });
  const script = (install ?? '').replace('sudo npm install --global', `npm install --global --prefix ${prefix}`);
  t.not(script, install);
  const { status, output } = run(`${script}\n${prefix}/bin/mpu --version`);
  t.equal(status, 0, output);
  t.match(output, /^\d+\.\d+\.\d+$/m);
  t.end();
});

const skip = process.getuid?.() === 0 ? false : 'NOT TESTED: needs root, for mounts and containers';
void t.test('host, image and container, with podman, without sudo and --gpus', { skip }, async (t) => {
  const cache = join(packageRoot, '.cache');
  const [client] = await fetchNvidiaClients(cache, ['550.163']);
  if (client === undefined) throw new Error('no client');
  await containerStage(join(cache, 'demo'), client, (line) => {
    t.comment(line);
  });
  const bin = mkdtempSync(join(tmpdir(), 'mpu-bin-'));
  t.teardown(() => {
    rmSync(bin, { recursive: true });
  });
  symlinkSync(join(packageRoot, 'dist', 'cli.js'), join(bin, 'mpu'));
  const commands = [host, inject, container]
    .join('\n')
    .replaceAll('sudo ', '')
    .replace('docker run --gpus all', 'podman run --rm --network=none');
  const script = `
mount -t tmpfs none /run
PATH=${shellQuote(bin)}:$PATH
podman tag ${BASE_IMAGE} localhost/team/train:7
${commands.replaceAll('team/train', 'localhost/team/train')}`;
  const { status, output } = run(script, [
    ...['unshare', '--mount', '--propagation', 'private'],
    ...[SIMULATION.rm, '--regime', 'R1', '--layouts', client.version, '--'],
  ]);
  t.equal(status, 0, output);
  t.match(output, /localhost\/team\/train:7-mpu/);
  t.match(output, /\| NVIDIA-SMI/);

  await t.test('the Dockerfile snippet, on another base', (t) => {
    const [snippet = ''] = codeBlocks('README.md', 'dockerfile');
    const file = join(bin, 'Dockerfile');
    writeFileSync(file, snippet.replace(/^FROM .*$/m, `FROM ${BASE_IMAGE}`));
    const built = run(`
podman build --quiet --network=none --tag localhost/mpu-snippet --file ${shellQuote(file)} .
podman run --rm --network=none localhost/mpu-snippet cat /etc/ld.so.preload /proc/self/maps`);
    t.equal(built.status, 0, built.output);
    t.match(built.output, '/usr/lib/mpu/$LIB/libmpu.so');
    t.match(built.output, '/usr/lib/mpu/lib/x86_64-linux-gnu/libmpu.so', 'it is loaded');
    t.end();
  });
});

void t.test('docs/testing.md: benchmarks', (t) => {
  const [suite, , benchmarks] = codeBlocks('docs/testing.md', 'sh');
  t.equal(suite, 'npm test');
  const { status, output } = run(benchmarks ?? '');
  t.equal(status, 0, output);
  t.match(output, /ratio/);
  t.end();
});

const gpu = spawnSync('nvidia-smi', ['-L']).error === undefined ? 'NOT TESTED here: this machine has a GPU, npm run test:gpu tests it' : false;
void t.test('docs/testing.md: acceptance, on a machine without a GPU', { skip: gpu }, (t) => {
  const [, acceptance] = codeBlocks('docs/testing.md', 'sh');
  t.equal(acceptance, 'sudo npm run test:gpu -- --markdown docs/gpu-results.md');
  const { status, output } = run('npm run test:gpu');
  t.equal(status, 3, output);
  t.match(output, /^1\.\.0 # SKIP NOT TESTED: /m, 'says why');
  t.end();
});
