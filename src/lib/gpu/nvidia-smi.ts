// SPDX-License-Identifier: GPL-2.0-only
/**
 * GPUs and their processes as nvidia-smi tells them. Its CSV queries and the columns of pmon have stayed the same from 418
 * to 595, whereas the structures of libnvidia-ml.so differ from release to release: the program that came with the driver
 * is the one that knows them.
 */
import { existsSync } from 'node:fs';
import { ExitCode, MpuError, messageOf, throwIfInterrupted } from '../errors.js';
import { findProgram, lastLines } from '../system/program.js';
import { runProcess, type ProcessResult } from '../system/run-process.js';

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
  /** Index of the GPU; null for one that --query-gpu does not list, as a part of one by MIG. */
  gpu: number | null;
  /** Of the GPU or the part of one. */
  uuid: string;
  /** As nvidia-smi says: in a driver's words, perhaps the id of a thread. */
  pid: number;
  /** `C` compute, `G` graphics, `M` by MPS, and combinations: `C+G`; null where nvidia-smi does not know. */
  type: string | null;
  /** MiB; null where nvidia-smi does not know. */
  memory: number | null;
  utilization: Utilization;
}

/** What nvidia-smi said besides rows. */
export interface Remarks {
  /** Its own warnings, such as the one about a corrupted infoROM, with which it exits with another status than 0. */
  warnings: Set<string>;
  /** Number of processes that it lists without a PID. */
  unnamed: number;
}

/** How to run nvidia-smi. */
export interface NvidiaSmi {
  command: readonly string[];
  env: NodeJS.ProcessEnv;
  /** Ends it. */
  signal?: AbortSignal | undefined;
  /** How long it may take to answer; default: {@link ANSWER_MS}. */
  limit?: number;
  /** Gets the remarks of every question. */
  remarks?: Remarks;
}

/** Without persistence mode it has to wake every GPU first, which takes a second or two for each. */
const ANSWER_MS = 30_000;

/** How long it may take to end once it was told to. */
const PATIENCE_MS = 500;

/** NVIDIA's GPU Operator keeps the driver's programs in a root directory of their own. */
const DRIVER_ROOT = '/run/nvidia/driver';

/** pmon of older releases takes no more. */
const GPUS_A_MONITOR = 4;

const WHAT = 'cannot ask for GPU processes';

const NO_UTILIZATION: Utilization = { sm: null, memory: null, encoder: null, decoder: null };

/** What nvidia-smi is run for. */
export interface FindOptions {
  /** A library to load into it, before those that are loaded anyway. */
  preload?: string;
  /** Ends it. */
  signal?: AbortSignal | undefined;
}

/** Finds nvidia-smi. Throws an MpuError (no-nvidia-smi, exit code 3). */
export async function findNvidiaSmi({ preload, signal }: FindOptions = {}): Promise<NvidiaSmi> {
  const loaded = [preload, process.env.LD_PRELOAD].filter((each) => each !== undefined && each !== '').join(' ');
  const env = { ...process.env, LC_ALL: 'C', ...(loaded === '' ? {} : { LD_PRELOAD: loaded }) };
  const path = await findProgram('nvidia-smi');
  if (path !== undefined) return { command: [path], env, signal };
  // The library is not in that root.
  if (preload === undefined && existsSync(`${DRIVER_ROOT}/usr/bin/nvidia-smi`))
    return { command: ['chroot', DRIVER_ROOT, 'nvidia-smi'], env, signal };
  throw new MpuError({
    code: 'no-nvidia-smi',
    what: WHAT,
    why: 'there is no nvidia-smi in PATH',
    next: "install NVIDIA's driver with its programs (Debian: nvidia-smi, Ubuntu: nvidia-utils-*); mpu doctor tells more",
    exitCode: ExitCode.hostUnsupported,
  });
}

/** Those that nothing could end, by PID: a driver that hangs keeps whoever asks it. */
const stuck = new Set<number>();

function noAnswer(why: string): MpuError {
  return new MpuError({
    code: 'nvidia-smi-hangs',
    what: WHAT,
    why: `nvidia-smi does not answer: ${why}`,
    next: 'sudo dmesg | grep NVRM shows what the driver waits for; a GPU that hangs needs a reset, or the host a reboot',
    exitCode: ExitCode.hostUnsupported,
  });
}

/** Runs nvidia-smi to its end. Throws an MpuError: nvidia-smi-hangs (exit code 3), interrupted. */
async function start(
  { command: [program = '', ...args], env, signal, limit = ANSWER_MS }: NvidiaSmi,
  more: readonly string[],
): Promise<ProcessResult> {
  for (const pid of stuck) if (!existsSync(`/proc/${pid}`)) stuck.delete(pid);
  // Or every scrape of a service would leave one more.
  if (stuck.size > 0) throw noAnswer(`one that was asked before cannot be ended (PID ${[...stuck].join(', ')})`);
  const late = AbortSignal.timeout(limit);
  const either = signal === undefined ? late : AbortSignal.any([signal, late]);
  const result = await runProcess(program, [...args, ...more], { env, signal: either, patience: PATIENCE_MS });
  if (result.left !== undefined) stuck.add(result.left);
  throwIfInterrupted(signal);
  if (late.aborted && result.status === -1) throw noAnswer(`not within ${limit / 1000} seconds`);
  return result;
}

/** Said where there is nothing to list. */
const NOTHING = /^No (devices were found|running \S+ processes? found)/;

/**
 * Returns the rows of a query with `--format=csv,noheader,nounits`, those whose first cell is like `first`. What else is printed is
 * a remark: nvidia-smi warns on the same stream, and exits with 14 and other numbers although it has listed all it knows. Throws
 * an MpuError (nvidia-smi-failed) when it failed and printed no row.
 *
 * @param columns - number of columns; the last may have commas in it
 */
async function ask(smi: NvidiaSmi, args: readonly string[], columns: number, first: RegExp): Promise<string[][]> {
  const failed = (why: string, cause?: unknown): MpuError =>
    new MpuError({
      code: 'nvidia-smi-failed',
      what: WHAT,
      why: `nvidia-smi: ${why}`,
      next: 'mpu doctor says what is wrong with the driver',
      exitCode: ExitCode.hostUnsupported,
      cause,
    });
  const result = await start(smi, [...args, '--format=csv,noheader,nounits']).catch((error: unknown) => {
    throw error instanceof MpuError ? error : failed(messageOf(error), error);
  });
  const rows: string[][] = [];
  const others: string[] = [];
  for (const line of result.stdout.toString().split('\n')) {
    const cells = line.split(',').map((cell) => cell.trim());
    if (cells.length >= columns && first.test(cells[0] ?? '')) {
      rows.push([...cells.slice(0, columns - 1), cells.slice(columns - 1).join(', ')]);
    } else if (line.trim() !== '' && !NOTHING.test(line.trim())) others.push(line.trim());
  }
  if (result.status !== 0 && rows.length === 0) throw failed(lastLines(result));
  if (result.status !== 0 && others.length === 0) others.push(lastLines(result));
  for (const line of others) smi.remarks?.warnings.add(line);
  return rows;
}

/** A number, or null for `-`, `N/A`, `[Not Found]` and whatever else is said instead of one. */
const numberOrNull = (text: string | undefined): number | null => (/^\d+$/.test(text ?? '') ? Number(text) : null);

/** The GPUs, none where the driver has none. Throws an MpuError (nvidia-smi-failed or nvidia-smi-hangs, exit code 3; interrupted). */
export async function queryGpus(smi: NvidiaSmi): Promise<Gpu[]> {
  const rows = await ask(smi, ['--query-gpu=index,uuid,memory.total,memory.used,name'], 5, /^\d+$/);
  return rows.map(([index, uuid = '', total, used, name = '']) => ({
    index: Number(index),
    uuid,
    memoryTotal: numberOrNull(total),
    memoryUsed: numberOrNull(used),
    name,
  }));
}

/** A row of pmon's table. */
export type MonitoredUse = Omit<GpuUse, 'uuid'>;

/** The heading of pmon's last column. */
const NAME_COLUMN = 'command';

/**
 * The rows of pmon's table. Its last column is the name of a program, in which a tenant may write anything, also the end of
 * a line and then what looks like a row or a heading. No more than 14 characters of it are printed: too few for a number in
 * every other column, which a row is therefore asked for.
 */
export function parseMonitor(text: string): MonitoredUse[] {
  let columns: string[] | undefined;
  const uses = new Map<string, MonitoredUse>();
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/);
    if (words[0] === '#' && words[1] === 'gpu') columns ??= words.slice(1);
    if (words[0] === '#' || columns === undefined) continue;
    const cells = Object.fromEntries(columns.map((name, index) => [name, words[index]]));
    const [gpu, pid] = [numberOrNull(cells.gpu), numberOrNull(cells.pid)];
    const isWhole = columns.every((name) => name === NAME_COLUMN || cells[name] !== undefined);
    const key = `${gpu ?? ''}:${pid ?? ''}`;
    if (gpu === null || pid === null || !isWhole || uses.has(key)) continue;
    const [sm, memory, encoder, decoder] = ['sm', 'mem', 'enc', 'dec'].map((name) => numberOrNull(cells[name]));
    uses.set(key, {
      gpu,
      pid,
      type: cells.type === undefined || cells.type === '-' ? null : cells.type,
      memory: numberOrNull(cells.fb),
      utilization: { sm: sm ?? null, memory: memory ?? null, encoder: encoder ?? null, decoder: decoder ?? null },
    });
  }
  return [...uses.values()];
}

/** Types and utilization; nothing on GPUs that cannot be monitored (MIG). */
async function monitor(smi: NvidiaSmi, gpus: readonly Gpu[]): Promise<MonitoredUse[]> {
  const groups: number[][] = [];
  for (let at = 0; at < gpus.length; at += GPUS_A_MONITOR)
    groups.push(gpus.slice(at, at + GPUS_A_MONITOR).map(({ index }) => index));
  const answers = await Promise.all(
    groups.map((group) => start(smi, ['pmon', '-c', '1', '-s', 'um', '-i', group.join(',')])),
  );
  return answers.flatMap(({ stdout }) => parseMonitor(stdout.toString()));
}

/**
 * The processes on the given GPUs: compute processes by the CSV query, which names nothing that a tenant chose, the others
 * and all types and utilization by pmon. Throws an MpuError as queryGpus() does.
 */
export async function queryProcesses(smi: NvidiaSmi, gpus: readonly Gpu[]): Promise<GpuUse[]> {
  const [compute, monitored] = await Promise.all([
    ask(smi, ['--query-compute-apps=gpu_uuid,pid,used_memory'], 3, /^(GPU|MIG)-/),
    monitor(smi, gpus),
  ]);
  const uses = new Map<string, GpuUse>();
  for (const use of monitored) {
    const uuid = gpus.find(({ index }) => index === use.gpu)?.uuid ?? '';
    uses.set(`${uuid}:${use.pid}`, { ...use, uuid });
  }
  for (const [uuid = '', pidText, memory] of compute) {
    const pid = numberOrNull(pidText);
    if (pid === null) {
      if (smi.remarks !== undefined) smi.remarks.unnamed++;
      continue;
    }
    const seen = uses.get(`${uuid}:${pid}`);
    uses.set(`${uuid}:${pid}`, {
      gpu: gpus.find((each) => each.uuid === uuid)?.index ?? null,
      uuid,
      pid,
      type: seen?.type ?? 'C',
      memory: numberOrNull(memory) ?? seen?.memory ?? null,
      utilization: seen?.utilization ?? NO_UTILIZATION,
    });
  }
  return [...uses.values()].sort((a, b) => (a.gpu ?? 0) - (b.gpu ?? 0) || a.pid - b.pid);
}
