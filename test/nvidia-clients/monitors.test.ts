// SPDX-License-Identifier: GPL-2.0-only
/** nvtop, nvitop and gpustat in every regime, without and with libmpu.so. */
import t, { type Test } from 'tap';
import { fetchNvtop } from '../support/nvtop.js';
import { fetchPythonClients } from '../support/python-clients.js';
import { near, View } from './expect.js';
import { CACHE, noteUntested, pythonProgram, REGIMES, runScenario, withAndWithout } from './harness.js';
import { leaks } from './outside.js';
import { fetchReleases } from './releases.js';
import type { ClientCommand } from './scenario.js';

/** A process as a monitor shows it; memory in MiB, utilization in percent where the monitor has it. */
interface Row {
  gpu: number;
  pid: number;
  type?: 'C' | 'G';
  name: string | null;
  memory: number;
  sm?: number;
  mem?: number;
}

const byGpuAndPid = (a: Row, b: Row): number => a.gpu - b.gpu || a.pid - b.pid;

/** The program's file name out of a command line. */
const program = (command: string): string => (/^\S*/.exec(command)?.[0] ?? '').replace(/^.*\//, '');

/** What the driver lists and NVML makes of it. */
function listed(view: View): Required<Row>[] {
  const rows = [0, 1].flatMap((gpu) =>
    (['compute', 'graphics'] as const).flatMap((kind) =>
      view.pids(gpu, kind).map((pid): Required<Row> => {
        const { sm = 0, mem = 0 } = view.activities(gpu).find((activity) => activity.pid === pid)?.engines ?? {};
        const type = kind === 'compute' ? 'C' : 'G';
        return { gpu, pid, type, name: view.name(pid), memory: view.memory(gpu, pid), sm, mem };
      }),
    ),
  );
  return rows.sort(byGpuAndPid);
}

const withoutRepeats = (rows: Required<Row>[]): Required<Row>[] =>
  rows.filter((row, i) => rows.findIndex((other) => other.gpu === row.gpu && other.pid === row.pid) === i);

/** The rows found, in order, with the utilization wanted where it is near enough. */
function comparable(found: Row[], wanted: Row[]): Row[] {
  return found.sort(byGpuAndPid).map((row, i) => ({
    ...row,
    ...(row.sm === undefined ? {} : { sm: near(row.sm, wanted[i]?.sm ?? 0) }),
    ...(row.mem === undefined ? {} : { mem: near(row.mem, wanted[i]?.mem ?? 0) }),
  }));
}

function parseNvtop(output: string): Row[] {
  const [, table] = output.split(/^\s*PID\s+USER\s.*$/m);
  if (table === undefined) throw new Error('no table of processes');
  return table
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('F2'))
    .map((line) => {
      const row = /^\s*(\d+)\s+\S+\s+(\d+)\s+(Compute|Graphic)\s+(\d+|N\/A)%?\s+(\d+)MiB\s+\d+%\s+\S+\s+\S+(.*)$/.exec(
        line,
      );
      if (row === null) throw new Error(`not a row of nvtop: ${line}`);
      const [, pid, gpu, type, sm, memory, command = ''] = row;
      return {
        gpu: Number(gpu),
        pid: Number(pid),
        type: type === 'Compute' ? 'C' : 'G',
        name: command.trim() === '' ? null : program(command.trim()),
        memory: Number(memory),
        sm: sm === 'N/A' ? 0 : Number(sm),
      };
    });
}

function parseNvitop(output: string): Row[] {
  const [, table] = output.split(/^\|\s*GPU\s+PID\s.*$/m);
  if (table === undefined) throw new Error('no table of processes');
  return table
    .split('\n')
    .filter((line) => /^\|\s*\S/.test(line) && !/^\|[-=]/.test(line))
    .flatMap((line) => {
      if (line.includes('No running processes found')) return [];
      const row =
        /^\|\s+(\d+)\s+(\d+) ([CG])\s+\S+\s+(0B|\d+MiB)\s+(\d+|N\/A)\s+(\d+|N\/A)\s+\S+\s+\S+\s+\S+\s+(.*?)\s*\|$/.exec(
          line,
        );
      if (row === null) throw new Error(`not a row of nvitop: ${line}`);
      const [, gpu, pid, type, memory = '', sm, mem, command = ''] = row;
      return {
        gpu: Number(gpu),
        pid: Number(pid),
        type: type === 'C' ? ('C' as const) : ('G' as const),
        name: command === 'No Such Process' ? null : program(command),
        memory: Number.parseInt(memory, 10),
        sm: sm === 'N/A' ? 0 : Number(sm),
        mem: mem === 'N/A' ? 0 : Number(mem),
      };
    });
}

interface GpustatReport {
  gpus: { index: number; processes: { command: string; gpu_memory_usage: number | null; pid: number }[] }[];
}

function parseGpustat(output: string): Row[] {
  const { gpus } = JSON.parse(output) as GpustatReport;
  return gpus.flatMap(({ index, processes }) =>
    processes.map(({ command, gpu_memory_usage, pid }) => ({
      gpu: index,
      pid,
      name: program(command),
      memory: gpu_memory_usage ?? 0,
    })),
  );
}

const checks: Record<string, (t: Test, output: string, view: View) => void> = {
  nvtop(t, output, view) {
    const wanted = listed(view).map(({ gpu, pid, type, name, memory, sm }) => ({ gpu, pid, type, name, memory, sm }));
    t.same(comparable(parseNvtop(output), wanted), wanted, 'rows', { output });
  },
  nvitop(t, output, view) {
    const wanted = withoutRepeats(listed(view));
    t.same(comparable(parseNvitop(output), wanted), wanted, 'rows', { output });
  },
  gpustat(t, output, view) {
    // Processes that it cannot find in /proc are left out.
    const wanted = withoutRepeats(listed(view))
      .filter((row) => row.name !== null)
      .map(({ gpu, pid, name, memory }) => ({ gpu, pid, name, memory }));
    t.same(parseGpustat(output).sort(byGpuAndPid), wanted, 'rows', { output });
  },
};

await noteUntested(t);
const client = (await fetchReleases(t)).at(-1);
if (client === undefined) throw new Error('no release of NVML to use');
const env = {
  LD_LIBRARY_PATH: client.libraries,
  PYTHONPATH: await fetchPythonClients(CACHE),
  PYTHONDONTWRITEBYTECODE: '1',
  COLUMNS: '160',
};
const commands: ClientCommand[] = [
  { label: 'nvitop', argv: ['python3', '-m', 'nvitop', '--once', '--ascii'], env },
  { label: 'gpustat', argv: ['python3', '-m', 'gpustat', '--json', '--show-pid'], env },
];
const nvtop = await fetchNvtop(CACHE);
if (nvtop === undefined) {
  await t.test(
    'nvtop',
    { skip: 'not to be had: no Debian mirror among the apt sources of this machine' },
    () => undefined,
  );
} else {
  const argv = ['python3', pythonProgram('screen.py'), '1.5', ...nvtop(client.libraries), '-C', '-p', '-d', '3'];
  commands.push({ label: 'nvtop', argv, env });
}

for (const regime of REGIMES) {
  await t.test(regime, async (t) => {
    const { processes, results } = await runScenario(regime, client.version, withAndWithout(commands));
    for (const { label, preloaded, status, stdout, stderr } of results) {
      await t.test(`${label} ${preloaded ? 'with' : 'without'} libmpu.so`, (t) => {
        t.equal(status, 0, 'exit status', { stdout, stderr });
        checks[label]?.(t, stdout, new View(regime, preloaded, processes));
        if (preloaded) t.same(leaks(stdout, processes), [], 'nothing of the outside', { output: stdout });
        t.end();
      });
    }
  });
}
