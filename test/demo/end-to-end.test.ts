// SPDX-License-Identifier: GPL-2.0-only
/**
 * The main job, end to end: a Debian image with the real nvidia-smi, injected by mpu, run as a container on a simulated
 * driver. What mpu has to show is known: the processes, by what they say of themselves, and their memory.
 */
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { containersRunner } from '#mpu/lib/demo/in-containers.js';
import { namespaceRunner } from '#mpu/lib/demo/in-namespace.js';
import { REGIMES } from '#mpu/lib/driver/regimes.js';
import { compare, SIMULATION, type Runner } from '#mpu/lib/demo/comparison.js';
import { fetchNvidiaClients } from '#mpu/lib/nvidia-clients/nvidia-clients.js';
import { packageRoot } from '#mpu/lib/package/root.js';
import { checkComparison } from '../support/comparison.js';

void t.test('the real nvidia-smi shows its own processes', async (t) => {
  const programs = await mkdtemp(join(tmpdir(), 'mpu-end-to-end-'));
  t.teardown(() => rm(programs, { recursive: true }));
  for (const name of ['tenant', 'train', 'serve']) await symlink(SIMULATION.process, join(programs, name));
  const cache = join(packageRoot, '.cache');
  const [client] = await fetchNvidiaClients(cache, ['550.163']);
  if (client === undefined) throw new Error('no client');

  const play = async (t: Test, runner: Runner): Promise<void> => {
    for (const { id } of REGIMES) checkComparison(t, id, await compare(id, client, runner, programs));
  };
  await t.test('in a PID namespace', async (t) => {
    await play(t, namespaceRunner(client, programs));
  });
  const skip = process.getuid?.() === 0 ? false : 'NOT TESTED: needs root, to bind-mount the PID namespace of the host';
  await t.test('in a container of an injected image', { skip }, async (t) => {
    const runner = await containersRunner(join(cache, 'demo'), client, (line) => {
      t.comment(line);
    });
    await play(t, runner);
  });
});
