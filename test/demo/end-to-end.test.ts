// SPDX-License-Identifier: GPL-2.0-only
/**
 * The main job, end to end: a Debian image with the real nvidia-smi, injected by mpu, run as a container on a simulated
 * driver. What mpu has to show is known: the processes, by what they say of themselves, and their memory.
 */
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { containerStage } from '#mpu/lib/demo/container-stage.js';
import { namespaceStage } from '#mpu/lib/demo/namespace-stage.js';
import { REGIMES } from '#mpu/lib/driver/regimes.js';
import { playScene, SIMULATION, type Scene, type Stage, type View } from '#mpu/lib/demo/scene.js';
import { fetchNvidiaClients } from '#mpu/lib/nvidia-clients.js';
import { packageRoot } from '#mpu/lib/package-root.js';

interface Row {
  pid: number;
  name: string;
  mib: number;
}

const MEMORY: Record<string, number> = { train: 8192, serve: 2048 };

function tableRows(table: string): Row[] {
  return [...table.matchAll(/^\|\s+\d+\s+\S+\s+\S+\s+(\d+)\s+\S+\s+(\S+)\s+(\d+)MiB/gm)].map(([, pid, name = '', mib]) => ({
    pid: Number(pid),
    name: name.replace(/.*\//, ''),
    mib: Number(mib),
  }));
}

/** PIDs with a utilization in pmon's output. */
function busyPids(monitor: string): number[] {
  return [...monitor.matchAll(/^\s+\d+\s+(\d+)\s+C\s+\d+/gm)].map(([, pid]) => Number(pid));
}

const rightRows = ({ processes }: View): Row[] =>
  Object.entries(processes).map(([name, pid]) => ({ pid, name, mib: MEMORY[name] ?? NaN }));

const byPid = (rows: Row[]): Row[] => [...rows].sort((a, b) => a.pid - b.pid);

/** What each regime shows without mpu: abi facts, restated for this world (train has two RM clients, serve a thread's). */
function wrongRows(regime: string, view: View): Row[] {
  const { train = NaN, serve = NaN } = view.processes;
  const memory = (name: string): number => (regime === 'R1' ? 0 : (MEMORY[name] ?? NaN));
  const trainRow = { pid: train, name: 'train', mib: memory('train') };
  // The thread that opened serve's client: gpu-process starts a second one, with a number of its own.
  const thread = tableRows(view.table).at(-1)?.pid ?? NaN;
  const servePid = regime === 'R4' ? serve : thread;
  return regime === 'R0' ? [] : [trainRow, trainRow, { pid: servePid, name: 'serve', mib: memory('serve') }];
}

function checkScene(t: Test, regime: string, scene: Scene): void {
  t.same(byPid(tableRows(scene.before.table)), byPid(wrongRows(regime, scene.before)), `${regime} without mpu: as wrong as predicted`);
  if (['R1', 'R2', 'R3b'].includes(regime)) {
    const listed = tableRows(scene.before.table).map(({ pid }) => pid);
    t.notOk(listed.includes(scene.before.processes.serve ?? NaN), `${regime} without mpu: serve has a thread's number`);
  }
  t.same(busyPids(scene.before.monitor), [], `${regime} without mpu: no utilization`);

  t.same(byPid(tableRows(scene.after.table)), byPid(rightRows(scene.after)), `${regime} with mpu: each process once, with its PID and memory`);
  t.same(
    busyPids(scene.after.monitor).sort((a, b) => a - b),
    Object.values(scene.after.processes).sort((a, b) => a - b),
    `${regime} with mpu: utilization of each process`,
  );
  t.notMatch(scene.after.table + scene.after.monitor, /tenant|40960/, `${regime} with mpu: nothing of the other tenant`);
}

void t.test('the real nvidia-smi shows its own processes', async (t) => {
  const programs = await mkdtemp(join(tmpdir(), 'mpu-end-to-end-'));
  t.teardown(() => rm(programs, { recursive: true }));
  for (const name of ['tenant', 'train', 'serve']) await symlink(SIMULATION.process, join(programs, name));
  const cache = join(packageRoot, '.cache');
  const [client] = await fetchNvidiaClients(cache, ['550.163']);
  if (client === undefined) throw new Error('no client');

  const play = async (t: Test, stage: Stage): Promise<void> => {
    for (const { id } of REGIMES) checkScene(t, id, await playScene(id, client, stage, programs));
  };
  await t.test('in a PID namespace', async (t) => {
    await play(t, namespaceStage(client, programs));
  });
  const skip = process.getuid?.() === 0 ? false : 'NOT TESTED: needs root, to bind-mount the PID namespace of the host';
  await t.test('in a container of an injected image', { skip }, async (t) => {
    const stage = await containerStage(join(cache, 'demo'), client, (line) => {
      t.comment(line);
    });
    await play(t, stage);
  });
});
