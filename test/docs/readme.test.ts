// SPDX-License-Identifier: GPL-2.0-only
/** What README.md says to type is typed here, as it stands there but for what each test names. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import t, { type Test } from 'tap';
import { BASE_IMAGE, containersRunner } from '#mpu/lib/demo/in-containers.js';
import { SIMULATION } from '#mpu/lib/demo/comparison.js';
import { fetchNvidiaClients, type NvidiaClient } from '#mpu/lib/nvidia-clients/nvidia-clients.js';
import { packageRoot } from '#mpu/lib/package/root.js';
import { BOOT, SHUTDOWN, startHostToBoot } from '../cdi/systemd.js';
import { codeBlocks } from '../support/docs.js';
import { lacking } from '../support/engines.js';
import { run as runProgram } from '../support/mpu.js';
import { addHeaders, headersRelease, makeFixture } from '../support/module-fixture.js';
import { IMAGE, Machine, World } from '../commands/gpu-host.js';

function run(script: string, around: string[] = []): { status: number | null; output: string } {
  const result = spawnSync('env', [...around, 'bash', '-euc', script], {
    cwd: packageRoot,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return { status: result.status, output: `${result.stdout}${result.stderr}` };
}

t.setTimeout(1_200_000);

const [demo, suite, install, module, file, cdi, intercept, dockerfile, doctor] = codeBlocks('README.md', 'sh');
const skip = process.getuid?.() === 0 ? false : 'NOT TESTED: needs root, for mounts and containers';

/** A directory with `mpu`, and `sudo` that only passes on. */
function programs(directory: string): string {
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  symlinkSync(join(packageRoot, 'dist', 'cli.js'), join(bin, 'mpu'));
  writeFileSync(join(bin, 'sudo'), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
  return bin;
}

/** A command for docker as podman takes it, with the image of the demo for the page's. */
const forPodman = (command: string): string =>
  command
    .replaceAll('docker run --gpus all', 'podman run --rm --network=none')
    .replaceAll('team/train', 'localhost/team/train');

/** The client, and podman with the demo's image in it. */
async function prepareImages(t: Test): Promise<NvidiaClient> {
  const cache = join(packageRoot, '.cache');
  const [client] = await fetchNvidiaClients(cache, ['550.163']);
  if (client === undefined) throw new Error('no client');
  await containersRunner(join(cache, 'demo'), client, (line) => {
    t.comment(line);
  });
  return client;
}

void t.test('README.md has the commands that this test types', (t) => {
  t.equal(codeBlocks('README.md', 'sh').length, 9);
  t.equal(demo, 'npm run demo');
  t.equal(suite, 'npm test', 'which is what runs this');
  t.end();
});

void t.test('every page is reached from README.md, and every link leads to one', (t) => {
  const reached = new Set<string>();
  const follow = (page: string): void => {
    if (reached.has(page)) return;
    reached.add(page);
    const text = readFileSync(join(packageRoot, page), 'utf8');
    for (const [, target = '', heading] of text.matchAll(/\]\(([^)#:\s]*)(?:#([^)\s]*))?\)/g)) {
      const path = target === '' ? page : relative(packageRoot, resolve(packageRoot, dirname(page), target));
      if (!t.ok(existsSync(join(packageRoot, path)), `${page}: ${target}`)) continue;
      if (heading !== undefined) {
        const names = [...readFileSync(join(packageRoot, path), 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, name = '']) =>
          name
            .toLowerCase()
            .replace(/[^\w -]/g, '')
            .replaceAll(' ', '-'),
        );
        t.ok(names.includes(heading), `${page}: ${target}#${heading}`);
      }
      if (path.endsWith('.md')) follow(path);
    }
  };
  follow('README.md');
  for (const page of readdirSync(join(packageRoot, 'docs'))) t.ok(reached.has(join('docs', page)), page);
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

void t.test('image and container, by the module and by the file, with podman', { skip }, async (t) => {
  const client = await prepareImages(t);
  const [load = '', ...commands] = module?.split('\n') ?? [];
  t.equal(load, 'sudo mpu module load');
  const script = `
mount -t tmpfs none /run
PATH=${programs(t.testdir())}:$PATH
podman tag ${BASE_IMAGE} localhost/team/train:7
${forPodman(commands.join('\n'))}
echo "#file"
${forPodman(file ?? '')}`;
  const { status, output } = run(script, [
    ...['unshare', '--mount', '--propagation', 'private'],
    ...[SIMULATION.rm, '--regime', 'R1', '--layouts', client.version, '--'],
  ]);
  t.equal(status, 0, output);
  t.match(output, /localhost\/team\/train:7-mpu/);
  for (const part of output.split('#file')) t.match(part, /\| NVIDIA-SMI/);
});

const noBuild = await lacking(['make', 'gcc-12', 'modinfo']);
void t.test('the module, on a system in a directory', { skip: noBuild }, async (t) => {
  const directory = t.testdir();
  const release = await headersRelease();
  const { root, env, calls } = await makeFixture(directory, release, {
    programs: { insmod: '', rmmod: '', dmesg: '' },
  });
  await addHeaders(root, release);
  const path = `${programs(directory)}:${env.PATH ?? ''}`;
  for (const command of [module?.split('\n')[0] ?? '', intercept ?? '']) {
    const ended = await runProgram('sh', ['-euc', command], { env: { ...env, PATH: path, MPU_ROOT: root } });
    t.match(ended, { status: 1, stderr: /loaded and did not answer/ }, `${command}: as far as without a kernel`);
  }
  t.equal((await calls()).filter((call) => call.startsWith('insmod')).length, 2);
});

void t.test(
  'the CDI device, on a system of its own',
  { skip: skip || (await lacking(['nsenter', 'systemctl'])) },
  async (t) => {
    await prepareImages(t);
    const host = await startHostToBoot(process.env);
    t.teardown(() => host.stop());
    const booted = (await host.run(BOOT)).status === 0;
    await t.test('with systemd', { skip: booted ? false : 'NOT TESTED: systemd does not run here' }, async (t) => {
      const command = forPodman(cdi ?? '').replace('nvidia-smi', 'cat /proc/self/maps');
      const said = await host.check(
        `PATH=${programs(t.testdir())}:$PATH\npodman tag ${BASE_IMAGE} localhost/team/train:7\n${command}`,
      );
      t.match(said, /installed/);
      t.match(said, /r-xp .*libmpu\.so/, 'it is loaded');
      await host.check(SHUTDOWN);
    });
  },
);

void t.test('a base image, with podman', { skip }, async (t) => {
  await prepareImages(t);
  const directory = t.testdir();
  const command = (dockerfile ?? '')
    .replace(/--from \S+/, `--from ${BASE_IMAGE}`)
    .replace('docker build', 'podman build --quiet --network=none')
    .replace('team/base', 'localhost/mpu-snippet');
  const { status, output } = run(`
PATH=${programs(directory)}:$PATH
cd ${directory}
${command}
podman run --rm --network=none localhost/mpu-snippet cat /etc/ld.so.preload /proc/self/maps`);
  t.equal(status, 0, output);
  t.match(output, '/usr/lib/mpu/$LIB/libmpu.so');
  t.match(output, '/usr/lib/mpu/lib/x86_64-linux-gnu/libmpu.so', 'it is loaded');
});

void t.test('still empty', { skip, timeout: 300_000 }, async (t) => {
  const machine = await Machine.start();
  t.teardown(() => machine.stop());
  const world = await World.start(machine, 'R1');
  t.teardown(() => world.stop());
  const name = `web-readme-${process.pid}`;
  // Somebody forgot to inject the image.
  await world.container(name, IMAGE, [...machine.options, ...machine.pidnsOptions], 'sleep infinity');
  const { status, stdout } = await world.shell(
    `PATH=${programs(t.testdir())}:$PATH\n${(doctor ?? '').replace('NAME', name)}`,
  );
  t.equal(status, 1, stdout);
  t.match(stdout, /does not name libmpu\.so[^]*mpu inject/, 'it says why, and what to do');
});
