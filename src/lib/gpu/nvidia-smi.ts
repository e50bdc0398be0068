// SPDX-License-Identifier: GPL-2.0-only
/**
 * GPUs and their processes as nvidia-smi tells them. Its CSV queries and the columns of pmon have stayed the same from 418
 * to 595, whereas the structures of libnvidia-ml.so differ from release to release: the program that came with the driver
 * is the one that knows them.
 */
import { existsSync } from 'node:fs';
import { ExitCode, MpuError, messageOf } from '../errors.js';
import { findProgram, lastLines } from '../module/program.js';
import { runProcess, type ProcessResult } from '../run-process.js';

/** A GPU; sizes in MiB, null where nvidia-smi does not know. */
export interface Gpu {
  index: number;
  uuid: string;
  memoryTotal: number | null;
  memoryUsed: number | null;
  name: string;
}

/** Utilization in percent; null where nvidia-smi does not know. */
export interface Utilization {
  sm: number | null;
  memory: number | null;
  encoder: number | null;
  decoder: number | null;
}

/** A process on a GPU. */
export interface GpuUse {
  /** Index of the GPU; null for one that --query-gpu does not list. */
  gpu: number | null;
  /** As nvidia-smi says: in a driver's words, perhaps the id of a thread. */
  pid: number;
  /** `C` compute, `G` graphics, `M` by MPS, and combinations: `C+G`; null where nvidia-smi does not know. */
  type: string | null;
  /** MiB; null where nvidia-smi does not know. */
  memory: number | null;
  utilization: Utilization;
}

/** How to run nvidia-smi. */
export interface NvidiaSmi {
  command: readonly string[];
  env: NodeJS.ProcessEnv;
}

/** NVIDIA's GPU Operator keeps the driver's programs in a root directory of their own. */
const DRIVER_ROOT = '/run/nvidia/driver';

/** pmon of older releases takes no more. */
const GPUS_A_MONITOR = 4;

const NO_UTILIZATION: Utilization = { sm: null, memory: null, encoder: null, decoder: null };

/** Finds nvidia-smi. `preload` is a library to load into it. Throws an MpuError (no-nvidia-smi, exit code 3). */
export async function findNvidiaSmi(preload?: string): Promise<NvidiaSmi> {
  const env = { ...process.env, LC_ALL: 'C', ...(preload === undefined ? {} : { LD_PRELOAD: preload }) };
  const path = await findProgram('nvidia-smi');
  if (path !== undefined) return { command: [path], env };
  if (existsSync(`${DRIVER_ROOT}/usr/bin/nvidia-smi`)) return { command: ['chroot', DRIVER_ROOT, 'nvidia-smi'], env };
  throw new MpuError({
    code: 'no-nvidia-smi',
    what: 'cannot ask for GPU processes',
    why: 'there is no nvidia-smi in PATH',
    next: "install NVIDIA's driver with its programs (Debian: nvidia-smi, Ubuntu: nvidia-utils-*); mpu doctor tells more",
    exitCode: ExitCode.hostUnsupported,
  });
}

async function start({ command: [program = '', ...args], env }: NvidiaSmi, more: readonly string[]): Promise<ProcessResult> {
  return runProcess(program, [...args, ...more], { env });
}

async function ask(smi: NvidiaSmi, args: readonly string[]): Promise<string> {
  const failed = (why: string, cause?: unknown): MpuError =>
    new MpuError({
      code: 'nvidia-smi-failed',
      what: 'cannot ask for GPU processes',
      why: `nvidia-smi: ${why}`,
      next: 'mpu doctor says what is wrong with the driver',
      exitCode: ExitCode.hostUnsupported,
      cause,
    });
  const result = await start(smi, args).catch((error: unknown) => {
    throw failed(messageOf(error), error);
  });
  if (result.status !== 0) throw failed(lastLines(result));
  return result.stdout.toString();
}

/** A number, or null for `-`, `N/A`, `[Not Found]` and whatever else is said instead of one. */
const numberOrNull = (text: string | undefined): number | null => (/^\d+$/.test(text ?? '') ? Number(text) : null);

/** The rows of `--format=csv,noheader,nounits`; the last of `columns` columns may have commas in it. */
function csvRows(text: string, columns: number): string[][] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const cells = line.split(',').map((cell) => cell.trim());
      return [...cells.slice(0, columns - 1), cells.slice(columns - 1).join(', ')];
    });
}

/** The GPUs, none where the driver has none. Throws an MpuError (nvidia-smi-failed, exit code 3). */
export async function queryGpus(smi: NvidiaSmi): Promise<Gpu[]> {
  const text = await ask(smi, ['--query-gpu=index,uuid,memory.total,memory.used,name', '--format=csv,noheader,nounits']);
  return csvRows(text, 5).flatMap(([index, uuid = '', total, used, name = '']) => {
    const number = numberOrNull(index);
    // "No devices were found", with exit status 0 in some releases.
    return number === null ? [] : [{ index: number, uuid, memoryTotal: numberOrNull(total), memoryUsed: numberOrNull(used), name }];
  });
}

/** The rows of pmon's table. */
export function parseMonitor(text: string): GpuUse[] {
  let columns: string[] = [];
  const uses: GpuUse[] = [];
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/);
    if (words[0] === '#' && words[1] === 'gpu') columns = words.slice(1);
    const cell = (name: string): string | undefined => (columns.includes(name) ? words[columns.indexOf(name)] : undefined);
    const [gpu, pid] = [numberOrNull(cell('gpu')), numberOrNull(cell('pid'))];
    if (words[0] === '#' || gpu === null || pid === null) continue;
    const type = cell('type') ?? '-';
    const [sm, memory, encoder, decoder] = ['sm', 'mem', 'enc', 'dec'].map((name) => numberOrNull(cell(name)));
    uses.push({
      gpu,
      pid,
      type: type === '-' ? null : type,
      memory: numberOrNull(cell('fb')),
      utilization: { sm: sm ?? null, memory: memory ?? null, encoder: encoder ?? null, decoder: decoder ?? null },
    });
  }
  return uses;
}

/** Types and utilization; nothing on GPUs that cannot be monitored (MIG). */
async function monitor(smi: NvidiaSmi, gpus: readonly Gpu[]): Promise<GpuUse[]> {
  const groups: number[][] = [];
  for (let at = 0; at < gpus.length; at += GPUS_A_MONITOR) groups.push(gpus.slice(at, at + GPUS_A_MONITOR).map(({ index }) => index));
  const answers = await Promise.all(groups.map((group) => start(smi, ['pmon', '-c', '1', '-s', 'um', '-i', group.join(',')])));
  return answers.flatMap(({ stdout }) => parseMonitor(stdout.toString()));
}

/**
 * The processes on the given GPUs: compute processes by the CSV query, which names nothing that a tenant chose, the others
 * and all types and utilization by pmon.
 */
export async function queryProcesses(smi: NvidiaSmi, gpus: readonly Gpu[]): Promise<GpuUse[]> {
  const [compute, monitored] = await Promise.all([
    ask(smi, ['--query-compute-apps=gpu_uuid,pid,used_memory', '--format=csv,noheader,nounits']),
    monitor(smi, gpus),
  ]);
  const uses = new Map<string, GpuUse>();
  for (const use of monitored) uses.set(`${use.gpu ?? ''}:${use.pid}`, use);
  for (const [uuid, pidText, memory] of csvRows(compute, 3)) {
    const pid = numberOrNull(pidText);
    if (pid === null) continue;
    const gpu = gpus.find((each) => each.uuid === uuid)?.index ?? null;
    const seen = uses.get(`${gpu ?? ''}:${pid}`);
    uses.set(`${gpu ?? ''}:${pid}`, {
      gpu,
      pid,
      type: seen?.type ?? 'C',
      memory: numberOrNull(memory) ?? seen?.memory ?? null,
      utilization: seen?.utilization ?? NO_UTILIZATION,
    });
  }
  return [...uses.values()].sort((a, b) => (a.gpu ?? 0) - (b.gpu ?? 0) || a.pid - b.pid);
}
