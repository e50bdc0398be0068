// SPDX-License-Identifier: GPL-2.0-only
/** Programs whose names are made to look like lines of nvidia-smi, by every release of it. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { shellQuote } from '#mpu/lib/demo/comparison.js';
import { fetchReleases } from '../nvidia-clients/releases.js';
import { checkout } from '../support/mpu.js';
import { program, Session, type GpuProcess } from '../rm-sim/session.js';

interface Row {
  gpu: number;
  hostPid: number;
  type: string;
  memory: number;
  utilization: { sm: number; memory: number };
}

/** Starts a GPU process of a program of that name. */
async function named(session: Session, name: string, index: number): Promise<GpuProcess> {
  const [path, out] = [join(session.directory, name), join(session.directory, `named${index}`)];
  copyFileSync(program('gpu-process'), path);
  await session.run(`${shellQuote(path)} --memory ${index} --util 2,1 <${session.input} >${out} 2>&1 9<&- &`);
  return session.ready(out, 1);
}

for (const client of await fetchReleases(t)) {
  await t.test(`nvidia-smi ${client.version}`, async (t) => {
    const session = await Session.start(['--regime', 'R0', '--layouts', client.version, '--gpus', '2']);
    t.teardown(() => session.stop());
    await session.run(
      `export MPU_PIDNS=/proc/self/ns/pid LD_LIBRARY_PATH=${shellQuote(client.libraries)} PATH=${shellQuote(join(client.smi, '..'))}:$PATH`,
    );
    const heading = await named(session, 'x\n# gpu pid sm', 1);
    const victim = await session.gpuProcess('--memory 100 --util 18,8');
    const rows = [
      await named(session, `\n0 ${victim.global} C 99 9`, 2),
      await named(session, 'x\n 1 1 C 99 99', 3),
      await named(session, '\n1 1 C - - - 9', 4),
    ];
    const { output } = await session.run(
      `${shellQuote(process.execPath)} ${shellQuote(join(checkout, 'dist', 'cli.js'))} ps --json`,
    );
    const { processes } = JSON.parse(output) as { processes: Row[] };
    const row = (use: GpuProcess, memory: number): object => ({ gpu: 0, hostPid: use.global, type: 'C', memory });
    const real = [row(victim, 100), row(heading, 1), ...rows.map((use, index) => row(use, index + 2))];
    t.equal(processes.length, real.length, 'no row is invented', { processes });
    for (const each of real)
      t.match(
        processes.find(({ hostPid, memory }) => hostPid === (each as Row).hostPid && memory === (each as Row).memory),
        each,
      );
    const shown = processes.find(({ hostPid }) => hostPid === victim.global)?.utilization;
    t.ok(
      Math.abs((shown?.sm ?? 0) - 18) <= 5 && Math.abs((shown?.memory ?? 0) - 8) <= 5,
      'the victim uses what it uses',
      { shown },
    );
  });
}
