// SPDX-License-Identifier: GPL-2.0-only
/** What nvidia-smi has to show in a comparison of the demo, without mpu and with it. */
import type { Test } from 'tap';
import type { Comparison, View } from '#mpu/lib/demo/comparison.js';

interface Row {
  pid: number;
  name: string;
  mib: number;
}

const MEMORY: Record<string, number> = { train: 8192, serve: 2048 };

function tableRows(table: string): Row[] {
  return [...table.matchAll(/^\|\s+\d+\s+\S+\s+\S+\s+(\d+)\s+\S+\s+(\S+)\s+(\d+)MiB/gm)].map(
    ([, pid, name = '', mib]) => ({
      pid: Number(pid),
      name: name.replace(/.*\//, ''),
      mib: Number(mib),
    }),
  );
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

/** Checks both sides of a comparison: wrong without mpu as the regime predicts, right with it. */
export function checkComparison(t: Test, regime: string, comparison: Comparison): void {
  t.same(
    byPid(tableRows(comparison.before.table)),
    byPid(wrongRows(regime, comparison.before)),
    `${regime} without mpu: as wrong as predicted`,
  );
  if (['R1', 'R2', 'R3b'].includes(regime)) {
    const listed = tableRows(comparison.before.table).map(({ pid }) => pid);
    t.notOk(
      listed.includes(comparison.before.processes.serve ?? NaN),
      `${regime} without mpu: serve has a thread's number`,
    );
  }
  t.same(busyPids(comparison.before.monitor), [], `${regime} without mpu: no utilization`);

  t.same(
    byPid(tableRows(comparison.after.table)),
    byPid(rightRows(comparison.after)),
    `${regime} with mpu: each process once, with its PID and memory`,
  );
  t.same(
    busyPids(comparison.after.monitor).sort((a, b) => a - b),
    Object.values(comparison.after.processes).sort((a, b) => a - b),
    `${regime} with mpu: utilization of each process`,
  );
  t.notMatch(
    comparison.after.table + comparison.after.monitor,
    /tenant|40960/,
    `${regime} with mpu: nothing of the other tenant`,
  );
}
