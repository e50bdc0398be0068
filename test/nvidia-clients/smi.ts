// SPDX-License-Identifier: GPL-2.0-only
/** The commands of nvidia-smi that list processes, and what each is to print. */
import type { Test } from 'tap';
import { near, type View } from './expect.js';
import {
  parseAccountedApps,
  parseAccounting,
  parseComputeApps,
  parsePmon,
  parseQuery,
  parseSessions,
  parseTable,
  parseXml,
  type ShownActivity,
} from './outputs.js';
import type { ClientCommand } from './scenario.js';
import { ENGINES } from './world.js';

const GPUS = [0, 1];
const MIB = 1 << 20;

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

/** The accounting records of the processes that are listed as having one. */
const recorded = (view: View): { gpu: number; pid: number; memory: number }[] =>
  GPUS.flatMap((gpu) =>
    view.accountingPids(gpu).flatMap((pid) => {
      const [record] = view.accounting(gpu, pid);
      return record === undefined ? [] : [{ gpu, pid, memory: record.maxMemoryUsage / MIB }];
    }),
  ).sort(byGpuAndPid);

function checkSessions(t: Test, output: string, view: View, of: 'encoderSessions' | 'captureSessions'): void {
  const expected = GPUS.flatMap((gpu) => view.sessions(gpu, of).map((session) => ({ gpu, ...session })));
  const order = (a: { gpu: number; pid: number; sessionId: number }, b: typeof a): number =>
    byGpuAndPid(a, b) || a.sessionId - b.sessionId;
  t.same(parseSessions(output).sort(order), expected.sort(order), 'sessions', { output });
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
  'query-accounted-apps'(t, output, view) {
    const expected = recorded(view).map(({ pid, memory }) => ({ pid, memory }));
    t.same(parseAccountedApps(output).sort(byGpuAndPid), expected.sort(byGpuAndPid), 'records', { output });
  },
  'query-accounting'(t, output, view) {
    t.same(parseAccounting(output).sort(byGpuAndPid), recorded(view), 'records', { output });
  },
  'query-xml'(t, output, view, version) {
    const { processes, records } = parseXml(output);
    const namelessShown = Number(version.split('.')[0]) >= 525;
    const expected = listed(view).filter((row) => namelessShown || row.name !== null);
    t.same(sorted(processes), expected, 'rows', { output });
    t.same(records.sort(byGpuAndPid), recorded(view), 'records', { output });
  },
  encodersessions(t, output, view) {
    checkSessions(t, output, view, 'encoderSessions');
  },
  fbcsessions(t, output, view) {
    checkSessions(t, output, view, 'captureSessions');
  },
  dmon(t, output) {
    const rows = output.split('\n').filter((line) => /^\s+\d/.test(line));
    t.equal(rows.length, GPUS.length, 'a row for each GPU', { output });
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

/** The commands that also show accounting records; of the nvidia-smi at that path. */
export const accountingSmiCommands = (smi: string, env: Record<string, string>): ClientCommand[] => [
  {
    label: 'query-accounted-apps',
    argv: [smi, '--query-accounted-apps=pid,max_memory_usage', '--format=csv,noheader,nounits'],
    env,
  },
  { label: 'query-accounting', argv: [smi, '-q', '-d', 'ACCOUNTING'], env },
  { label: 'query-xml', argv: [smi, '-q', '-x'], env },
];

/** The commands that show sessions, without an end of their own, and one without processes; of the nvidia-smi at that path. */
export const otherSmiCommands = (smi: string, env: Record<string, string>): ClientCommand[] => [
  ...['encodersessions', 'fbcsessions'].map((label) => ({
    label,
    // It repeats what it shows until it is stopped.
    argv: ['sh', '-c', 'timeout --preserve-status -s INT 1.2 "$0" "$1"', smi, label],
    env,
  })),
  { label: 'dmon', argv: [smi, 'dmon', '-c', '1'], env },
];

/** The commands that list processes once and end; of the nvidia-smi at that path. */
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
