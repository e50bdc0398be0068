// SPDX-License-Identifier: GPL-2.0-only
/** Every NVML call that takes or returns a PID, in every release and regime, without and with libmpu.so. */
import { isDeepStrictEqual } from 'node:util';
import t, { type Test } from 'tap';
import { fetchPythonClients } from '../support/python-clients.js';
import { near, View } from './expect.js';
import { CACHE, noteUntested, pythonProgram, REGIMES, runScenario, withAndWithout } from './harness.js';
import { leaks } from './outside.js';
import { fetchReleases } from './releases.js';
import type { ProcessSpec, WorldProcess } from './world.js';

const MIB = 1 << 20;
const INVALID_ARGUMENT = { error: 2 };
const NOT_FOUND = { error: 6 };

interface Utilization {
  pid: number;
  smUtil: number;
  memUtil: number;
  encUtil: number;
  decUtil: number;
}

/** What nvml_calls.py prints; a call is a list, a failure, or the word "absent". */
interface GpuCalls extends Record<string, unknown> {
  AccountingPids: unknown;
  AccountingStats: Record<string, unknown>;
  AccountingStats_v2: Record<string, unknown>;
  EncoderSessions: unknown;
  FBCSessions: unknown;
}

interface Calls {
  gpus: GpuCalls[];
  names: Record<string, unknown>;
}

/** The first branch that has a function, where it is not as old as the oldest that is tested. */
const SINCE: Record<string, number> = {
  ComputeRunningProcesses_v2: 470,
  ComputeRunningProcesses_v3: 525,
  GraphicsRunningProcesses_v2: 470,
  GraphicsRunningProcesses_v3: 525,
  MPSComputeRunningProcesses_v2: 470,
  MPSComputeRunningProcesses_v3: 525,
  RunningProcessDetailListCompute: 535,
  RunningProcessDetailListGraphics: 535,
  RunningProcessDetailListMPS: 535,
  ProcessesUtilizationInfo: 550,
  AccountingStats_v2: 610,
};

const LISTS: [name: string, kind: ProcessSpec['kind']][] = [
  ['ComputeRunningProcesses', 'compute'],
  ['ComputeRunningProcesses_v2', 'compute'],
  ['ComputeRunningProcesses_v3', 'compute'],
  ['RunningProcessDetailListCompute', 'compute'],
  ['GraphicsRunningProcesses', 'graphics'],
  ['GraphicsRunningProcesses_v2', 'graphics'],
  ['GraphicsRunningProcesses_v3', 'graphics'],
  ['RunningProcessDetailListGraphics', 'graphics'],
  ['MPSComputeRunningProcesses', 'mps'],
  ['MPSComputeRunningProcesses_v2', 'mps'],
  ['MPSComputeRunningProcesses_v3', 'mps'],
  ['RunningProcessDetailListMPS', 'mps'],
];

const byPid = (a: { pid: number }, b: { pid: number }): number => a.pid - b.pid;
const sorted = (list: unknown): unknown => (Array.isArray(list) ? [...(list as { pid: number }[])].sort(byPid) : list);
const numeric = (list: unknown): unknown =>
  Array.isArray(list) ? [...(list as number[])].sort((a, b) => a - b) : list;

function checkUtilization(t: Test, name: string, found: unknown, gpu: number, view: View): void {
  const wanted = view
    .activities(gpu)
    .map(({ pid, engines }): Utilization => {
      const { sm = 0, mem = 0, enc = 0, dec = 0 } = engines;
      return { pid, smUtil: sm, memUtil: mem, encUtil: enc, decUtil: dec };
    })
    .sort(byPid);
  if (!Array.isArray(found)) {
    t.fail(name, { found, wanted });
    return;
  }
  const rounded = (sorted(found) as Utilization[]).map((row, i): Utilization => {
    const { smUtil, memUtil, encUtil, decUtil } = wanted[i] ?? row;
    return {
      pid: row.pid,
      smUtil: near(row.smUtil, smUtil),
      memUtil: near(row.memUtil, memUtil),
      encUtil: near(row.encUtil, encUtil),
      decUtil: near(row.decUtil, decUtil),
    };
  });
  t.same(rounded, wanted, name, { found });
}

function checkGpu(t: Test, calls: GpuCalls, gpu: number, view: View, branch: number): void {
  const present = (name: string): boolean => {
    if (branch >= (SINCE[name] ?? 0)) return true;
    t.equal(calls[name], 'absent', `${name} is not there yet`);
    return false;
  };
  for (const [name, kind] of LISTS) {
    if (!present(name)) continue;
    const wanted = view.pids(gpu, kind).map((pid) => ({ pid, usedGpuMemory: view.memory(gpu, pid) * MIB }));
    t.same(sorted(calls[name]), wanted.sort(byPid), name);
  }
  for (const name of ['ProcessUtilization', 'ProcessesUtilizationInfo']) {
    if (present(name)) checkUtilization(t, name, calls[name], gpu, view);
  }
  checkAllProcesses(t, calls, gpu, view, branch);
  t.same(numeric(calls.AccountingPids), numeric(view.accountingPids(gpu)), 'AccountingPids');
  for (const name of ['AccountingStats', 'AccountingStats_v2'] as const) {
    for (const [pid, found] of Object.entries(calls[name])) {
      const absent = branch < (SINCE[name] ?? 0);
      const right = absent ? ['absent'] : view.accounting(gpu, Number(pid)).map((record) => record ?? NOT_FOUND);
      const match = right.find((answer) => isDeepStrictEqual(answer, found));
      t.same(found, match ?? right[0], `${name} of ${pid}`);
    }
  }
  t.same(sorted(calls.EncoderSessions), view.sessions(gpu, 'encoderSessions').sort(byPid), 'EncoderSessions');
  t.same(sorted(calls.FBCSessions), view.sessions(gpu, 'captureSessions').sort(byPid), 'FBCSessions');
}

/** Mode 3 of the detailed list, which NVML knows from 610 on. */
function checkAllProcesses(t: Test, calls: GpuCalls, gpu: number, view: View, branch: number): void {
  const name = 'RunningProcessDetailListAll';
  if (branch < 610) {
    const refused = branch < 535 ? 'absent' : INVALID_ARGUMENT;
    t.same(calls[name], refused, `${name} is not there yet`);
    return;
  }
  const kinds = ['compute', 'graphics', 'mps'] as const;
  const pids = [...new Set(kinds.flatMap((kind) => view.pids(gpu, kind)))];
  const wanted = pids.map((pid) => ({ pid, usedGpuMemory: view.memory(gpu, pid) * MIB }));
  t.same(sorted(calls[name]), wanted.sort(byPid), name);
}

function checkNames(t: Test, names: Calls['names'], view: View): void {
  for (const [pid, found] of Object.entries(names)) {
    const name = typeof found === 'string' ? found.replace(/^.*\//, '') : found;
    t.same(name, view.name(Number(pid)) ?? NOT_FOUND, `SystemGetProcessName of ${pid}`);
  }
}

const describe = (processes: WorldProcess[]): string =>
  processes
    .map(({ name, host, contained }) => `${name} ${host}${contained === undefined ? '' : `=${contained}`}`)
    .join(', ');

await noteUntested(t);
const clients = await fetchReleases(t);
const packages = await fetchPythonClients(CACHE);
for (const { version, libraries } of clients) {
  await t.test(`NVML ${version}`, async (t) => {
    const env = { LD_LIBRARY_PATH: libraries, PYTHONPATH: packages, PYTHONDONTWRITEBYTECODE: '1' };
    const argv = ['python3', pythonProgram('nvml_calls.py'), '@pids'];
    for (const regime of REGIMES) {
      const { processes, results } = await runScenario(regime, version, withAndWithout([{ label: 'nvml', argv, env }]));
      for (const { preloaded, status, stdout, stderr } of results) {
        await t.test(`${regime} ${preloaded ? 'with' : 'without'} libmpu.so`, (t) => {
          t.comment(describe(processes));
          t.equal(status, 0, 'exit status', { stdout, stderr });
          const view = new View(regime, preloaded, processes);
          const calls = JSON.parse(stdout) as Calls;
          t.equal(calls.gpus.length, 2, 'GPUs');
          for (const [gpu, ofGpu] of calls.gpus.entries()) checkGpu(t, ofGpu, gpu, view, Number(version.split('.')[0]));
          checkNames(t, calls.names, view);
          if (preloaded) t.same(leaks(stdout, processes), [], 'nothing of the outside');
          t.end();
        });
      }
    }
  });
}
