// SPDX-License-Identifier: GPL-2.0-only
/** The commands of nvidia-smi that list processes, and what each is to print. */
import type { Test } from 'tap';
import { near, type View } from './expect.js';
import { parseComputeApps, parsePmon, parseQuery, parseTable, type ShownActivity } from './outputs.js';
import type { ClientCommand } from './scenario.js';
import { ENGINES } from './world.js';

const GPUS = [0, 1];

interface Row {
  gpu: number;
  pid: number;
  type: string;
  name: string | null;
  memory: number;
}

/** What GET_PIDS and GET_PID_INFO say of compute and graphics processes, in order of PID. */
function listed(view: View): Row[] {
  const rows = GPUS.flatMap((gpu) =>
    (['compute', 'graphics'] as const).flatMap((kind) =>
      view.pids(gpu, kind).map((pid) => ({
        gpu,
        pid,
        type: kind === 'compute' ? 'C' : 'G',
        name: view.name(pid),
        memory: view.memory(gpu, pid),
      })),
    ),
  );
  return rows.sort(byGpuAndPid);
}

function byGpuAndPid(a: { gpu?: number; pid: number }, b: { gpu?: number; pid: number }): number {
  return (a.gpu ?? 0) - (b.gpu ?? 0) || a.pid - b.pid;
}

const baseName = (path: string | null): string | null => path?.replace(/^.*\//, '') ?? null;

function sorted<T extends { gpu?: number; pid: number; name: string | null }>(rows: T[]): T[] {
  return rows.map((row) => ({ ...row, name: baseName(row.name) })).sort(byGpuAndPid);
}

type Check = (t: Test, output: string, view: View, version: string) => void;

/** By the label of the command: compares its output with a view; `version` is nvidia-smi's. */
export const smiChecks: Record<string, Check> = {
  table(t, output, view) {
    // Processes whose name cannot be found are left out.
    const expected = listed(view).filter((row) => row.name !== null);
    t.same(sorted(parseTable(output)), expected, 'rows', { output });
  },
  'query-compute-apps'(t, output, view) {
    const expected = listed(view)
      .filter((row) => row.type === 'C')
      .map(({ pid, name, memory }) => ({ pid, name, memory }));
    t.same(sorted(parseComputeApps(output)), expected.sort(byGpuAndPid), 'rows', { output });
  },
  'query-pids'(t, output, view, version) {
    const namelessShown = Number(version.split('.')[0]) >= 525;
    const expected = listed(view).filter((row) => namelessShown || row.name !== null);
    t.same(sorted(parseQuery(output)), expected, 'rows', { output });
  },
  pmon(t, output, view) {
    const expected = listed(view);
    if (new Set(expected.map((row) => `${row.gpu}:${row.pid}`)).size < expected.length) {
      t.equal(output.trim(), '', 'nothing at all, as for every list with a duplicate', { output });
      return;
    }
    const shown = sorted(parsePmon(output));
    const rows = shown.map(({ gpu, pid, type, name, memory }) => ({ gpu, pid, type, name, memory }));
    t.same(
      rows,
      expected.filter((row) => row.name !== null),
      'rows',
      { output },
    );
    for (const row of shown) checkUtilization(t, row, view, output);
  },
};

function checkUtilization(t: Test, row: ShownActivity, view: View, output: string): void {
  const activity = view.activities(row.gpu).find((each) => each.pid === row.pid);
  for (const engine of ENGINES) {
    const wanted = activity?.engines[engine] ?? 0;
    t.equal(near(row[engine] ?? 0, wanted), wanted, `${engine} of ${row.name ?? row.pid}`, { output });
  }
}

/** Every command, of the nvidia-smi at that path. */
export const smiCommands = (smi: string, env: Record<string, string>): ClientCommand[] => [
  { label: 'table', argv: [smi], env },
  {
    label: 'query-compute-apps',
    argv: [smi, '--query-compute-apps=pid,process_name,used_memory', '--format=csv,noheader,nounits'],
    env,
  },
  { label: 'query-pids', argv: [smi, '-q', '-d', 'PIDS'], env },
  { label: 'pmon', argv: [smi, 'pmon', '-c', '1', '-s', 'um'], env },
];
