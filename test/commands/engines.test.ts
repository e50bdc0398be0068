// SPDX-License-Identifier: GPL-2.0-only
/** GPU processes in containers of docker and containerd, whose daemons run with a simulated driver. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { containersRunner } from '#mpu/lib/demo/in-containers.js';
import { shellQuote } from '#mpu/lib/demo/comparison.js';
import { fetchNvidiaClients, type NvidiaClient } from '#mpu/lib/nvidia-clients/nvidia-clients.js';
import { lacking, startContainerd, startDocker, type StartDaemon, type TestEngine } from '../support/engines.js';
import { check, checkout } from '../support/mpu.js';
import { Session } from '../rm-sim/session.js';
import { CLI, numbersOf } from './gpu-host.js';

const skip = await lacking(['dockerd', 'docker', 'containerd', 'ctr', 'mmdebstrap', 'podman'], true);
const CACHE = join(checkout, '.cache');
const NAME = `train-${process.pid}`;
const SCRIPT = 'sleep infinity | train --gpu 1 --memory 300 --util 30,5 & wait';

/** A shell of a host with a simulated driver of regime R1. */
async function host(t: Test, client: NvidiaClient): Promise<Session> {
  const session = await Session.start(['--regime', 'R1', '--layouts', client.version, '--gpus', '2']);
  t.teardown(() => session.stop());
  const variables = {
    LD_LIBRARY_PATH: client.libraries,
    MPU_PIDNS: '/proc/self/ns/pid',
    PATH: `${join(client.smi, '..')}:${process.env.PATH ?? ''}`,
  };
  for (const [name, value] of Object.entries(variables)) await session.run(`export ${name}=${shellQuote(value)}`);
  return session;
}

/** Starts daemons in the shell: what they start then has the simulated driver, too. */
const daemonsOf =
  (session: Session): StartDaemon =>
  async (argv, log) => {
    // The driver's libraries are for nvidia-smi alone.
    const { output } = await session.run(
      `env -u LD_LIBRARY_PATH ${argv.map(shellQuote).join(' ')} >${shellQuote(log)} 2>&1 9<&- </dev/null & echo $!`,
    );
    const pid = Number(output);
    const end = async (): Promise<void> => {
      await session.run(`kill ${pid}; wait ${pid}`);
    };
    return { hasEnded: () => false, end };
  };

interface Document {
  processes: { hostPid: number }[];
}

/** What mpu says about the one GPU process, and that another process of the host is no part of the container. */
async function checkProcess(
  t: Test,
  session: Session,
  engine: TestEngine,
  init: number,
  container: object,
): Promise<void> {
  const mpu = async (...args: string[]): Promise<string> => {
    const variables = Object.entries(engine.env)
      .filter(([name]) => name === 'DOCKER_HOST')
      .map(([name, value = '']) => `${name}=${shellQuote(value)}`);
    return (await session.run(`${variables.join(' ')} ${[process.execPath, CLI, ...args].map(shellQuote).join(' ')}`))
      .output;
  };
  const train = await numbersOf(init, 'train');
  const tenant = await session.gpuProcess('--memory 40');
  let found: Document = { processes: [] };
  // It is named before it has opened its GPU.
  for (let tries = 0; tries < 50 && found.processes.length < 2; tries++)
    found = JSON.parse(await mpu('ps', '--json')) as Document;
  t.equal(found.processes.length, 2, 'both processes');
  t.match(
    found.processes.find(({ hostPid }) => hostPid === train.host),
    { gpu: 1, containerPid: train.inside, memory: 300, type: 'C', container, command: /^train/ },
  );
  t.match(
    found.processes.find(({ hostPid }) => hostPid === tenant.global),
    { gpu: 0, container: null, memory: 40 },
  );
  t.ok(train.inside > 1, 'its number in the container is another');
  const one = JSON.parse(await mpu('ps', '--json', '--container', NAME)) as Document;
  t.same(
    one.processes.map(({ hostPid }) => hostPid),
    [train.host],
    '--container',
  );
  t.equal((await mpu('translate', String(train.inside), '--to-host', '--in', NAME)).trim(), String(train.host));
  const metrics = await mpu('metrics');
  t.match(
    metrics.split('\n').find((line) => line.startsWith('mpu_container_gpu_memory_bytes{gpu="1"')),
    new RegExp(`container="${NAME}".* ${300 * (1 << 20)}$`),
  );
}

await t.test('docker and containerd', { skip, timeout: 600_000 }, async (t) => {
  const [client] = await fetchNvidiaClients(CACHE, ['550.163']);
  if (client === undefined) throw new Error('no client');
  const demo = join(CACHE, 'demo');
  // Makes the archive of the base image.
  await containersRunner(demo, client, () => undefined);
  const archive = join(demo, `base-${client.version}.tar`);

  await t.test('docker', async (t) => {
    const session = await host(t, client);
    const docker = await startDocker(daemonsOf(session));
    t.teardown(() => docker.stop());
    const device = join(docker.directory, 'nvidiactl');
    await writeFile(device, '');
    await docker.check('import', archive, 'base');
    const id = (
      await docker.check(
        'run',
        '--detach',
        '--network=none',
        `--name=${NAME}`,
        `--volume=${device}:/dev/nvidiactl`,
        'base',
        'sh',
        '-c',
        SCRIPT,
      )
    ).trim();
    t.teardown(() => docker.check('rm', '--force', NAME));
    const init = Number(await docker.check('inspect', '--format', '{{.State.Pid}}', NAME));
    await checkProcess(t, session, docker, init, { runtime: 'docker', id, label: NAME, name: NAME });
  });

  await t.test('containerd', async (t) => {
    const session = await host(t, client);
    const ctr = await startContainerd(daemonsOf(session));
    t.teardown(() => ctr.stop());
    const [device, rootfs] = [join(ctr.directory, 'nvidiactl'), join(ctr.directory, 'rootfs')];
    await writeFile(device, '');
    await mkdir(rootfs);
    await check('tar', ['-xf', archive, '-C', rootfs]);
    await ctr.check(
      'run',
      '--detach',
      '--null-io',
      '--mount',
      `type=bind,src=${device},dst=/dev/nvidiactl,options=rbind`,
      '--env',
      'PATH=/usr/local/bin:/usr/bin:/bin',
      '--rootfs',
      rootfs,
      NAME,
      '/bin/sh',
      '-c',
      SCRIPT,
    );
    t.teardown(() => ctr.check('task', 'delete', '--force', NAME));
    const [, line = ''] = (await ctr.check('task', 'list')).split('\n');
    const init = Number(line.split(/\s+/)[1]);
    await checkProcess(t, session, ctr, init, { runtime: 'containerd', id: NAME, label: NAME });
  });
});
