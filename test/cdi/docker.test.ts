// SPDX-License-Identifier: GPL-2.0-only
/** docker gives containers of an untouched image libmpu.so by --device. */
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { containersRunner, nestedHostOptions } from '#mpu/lib/demo/in-containers.js';
import { compare, shellQuote, SIMULATION } from '#mpu/lib/demo/comparison.js';
import { fetchNvidiaClients } from '#mpu/lib/nvidia-clients/nvidia-clients.js';
import { packageRoot } from '#mpu/lib/package/root.js';
import { dockerWithCdi, startDockerOn } from '../support/docker-cdi.js';
import { lacking } from '../support/engines.js';
import { checkComparison } from '../support/comparison.js';
import { checkContainers } from './containers.js';
import { ENABLE_ITERATOR, PRIVATE_DIRECTORIES, PrivateHost } from './host.js';

const missing = await lacking(['podman', 'runc', 'mmdebstrap', 'unshare', 'nsenter', 'musl-gcc'], true);
const programs = missing === false ? await dockerWithCdi() : '';
const skip = missing !== false ? missing : programs.startsWith('NOT TESTED') && programs;

/** Starts a daemon in the simulation, so that its containers are in it too; it goes with the shell. */
const startDaemon = (directory: string, archive: string): string => `
PATH=${shellQuote(programs)}:$PATH
echo '{"features":{"cdi":true}}' >${directory}/daemon.json
export DOCKER_HOST=unix://${directory}/docker.sock
unshare --net dockerd --config-file ${directory}/daemon.json --bridge=none --iptables=false --ip6tables=false \\
  --data-root ${directory}/data --exec-root ${directory}/exec --pidfile ${directory}/pid -H "$DOCKER_HOST" >${directory}/log 2>&1 &
daemon=$!
trap 'kill $daemon; wait $daemon' EXIT
until docker version >/dev/null 2>&1; do kill -0 $daemon || { tail -5 ${directory}/log >&2; exit 1; }; sleep 0.1; done
docker import ${shellQuote(archive)} debian:1 >&2`;

await t.test('the real nvidia-smi is right in an untouched image', { skip }, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'mpu-cdi-'));
  t.teardown(() => rm(directory, { recursive: true, maxRetries: 5, retryDelay: 100 }));
  for (const name of ['tenant', 'train', 'serve']) await symlink(SIMULATION.process, join(directory, name));
  const cache = join(packageRoot, '.cache');
  const [client] = await fetchNvidiaClients(cache, ['550.163']);
  if (client === undefined) throw new Error('no client');
  const stage = await containersRunner(join(cache, 'demo'), client, (line) => {
    t.comment(line);
  });
  const spec = 'mpu cdi generate --output /var/run/cdi/mpu.json >&2';
  const prepare = [
    PRIVATE_DIRECTORIES,
    ENABLE_ITERATOR,
    spec,
    startDaemon(directory, join(cache, 'demo', `base-${client.version}.tar`)),
  ].join('\n');
  const run = ['docker', 'run', '--rm', '--network=none'];
  const nested = nestedHostOptions();
  for (const [regime, device] of [
    ['R1', 'all'],
    ['R4', 'env'],
  ] as const) {
    const after = [...run, '--device', `dev.mpu/preload=${device}`, ...nested, 'debian:1'];
    checkComparison(
      t,
      regime,
      await compare(regime, client, { ...stage, prepare, before: [...run, 'debian:1'], after }, directory),
    );
  }
});

await t.test('containers of every kind', { skip }, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'mpu-cdi-'));
  t.teardown(() => rm(directory, { recursive: true, maxRetries: 5, retryDelay: 100 }));
  const host = await PrivateHost.start({
    ...process.env,
    PATH: `${programs}:${process.env.PATH ?? ''}`,
    DOCKER_HOST: `unix://${directory}/docker.sock`,
  });
  t.teardown(() => host.stop());
  const stop = await startDockerOn(host, directory, '{"features":{"cdi":true}}');
  t.teardown(stop);
  await checkContainers(t, host, 'docker', directory, ENABLE_ITERATOR);
});
