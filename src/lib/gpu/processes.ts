// SPDX-License-Identifier: GPL-2.0-only
/** The GPU processes of this host, or in a container its own, with the container that each is in. */
import { existsSync } from 'node:fs';
import type { Runtime } from '../containers/cgroup.js';
import {
  containersByPid,
  findContainers,
  numberInContainer,
  selectContainers,
  type Container,
} from '../containers/containers.js';
import type { Pod } from '../containers/names.js';
import { argumentsOf, isOnHost, readProcess } from '../containers/processes.js';
import { ExitCode, MpuError, messageOf, usageError } from '../errors.js';
import { findProgram } from '../system/program.js';
import { nativeLibrary } from '../payload/libraries.js';
import { runProcess } from '../system/run-process.js';
import { translate } from '../translator.js';
import {
  findNvidiaSmi,
  queryGpus,
  queryProcesses,
  type Gpu,
  type GpuUse,
  type NvidiaSmi,
  type Remarks,
  type Utilization,
} from './nvidia-smi.js';

/** The container of a process, as it is reported. */
export interface ContainerOfProcess {
  id: string;
  runtime: Runtime;
  label: string;
  name?: string;
  pod?: Pod;
}

/** A process that uses a GPU. */
export interface GpuProcess {
  /** Index of the GPU; null for one that nvidia-smi does not list, as a part of one by MIG. */
  gpu: number | null;
  /** Of the GPU or the part of one. */
  uuid: string;
  hostPid: number;
  /** Its number in its container; null for processes of the host and those that share its PID namespace. */
  containerPid: number | null;
  /** Null for processes of the host, and for every process as seen from inside a container. */
  container: ContainerOfProcess | null;
  /** User name, or number where it has none; null once the process has ended. */
  user: string | null;
  /** See {@link GpuUse}. */
  type: string | null;
  /** MiB. */
  memory: number | null;
  utilization: Utilization;
  /** Program and arguments; null once the process has ended. */
  command: string | null;
}

/** What there is on the GPUs. */
export interface GpuProcesses {
  /** Whether it is seen from the host; else these are the processes of one container. */
  onHost: boolean;
  gpus: Gpu[];
  processes: GpuProcess[];
  /** Number of processes that nvidia-smi lists without a PID, as `[Insufficient Permissions]`; they are not among `processes`. */
  unnamedProcesses: number;
  /** What nvidia-smi warned of. */
  warnings: string[];
}

/** A name service that does not answer must not hold up a list of processes. */
const NAMES_MS = 3000;

/** Names of users by number, as the system's name service has them. */
async function userNames(uids: readonly number[]): Promise<Map<number, string>> {
  const names = new Map<number, string>();
  const getent = await findProgram('getent');
  if (uids.length === 0 || getent === undefined) return names;
  const { stdout } = await runProcess(getent, ['passwd', ...new Set(uids.map(String))], {
    signal: AbortSignal.timeout(NAMES_MS),
    patience: 0,
  });
  for (const line of stdout.toString().split('\n')) {
    const [name = '', , uid] = line.split(':');
    if (uid !== undefined) names.set(Number(uid), name);
  }
  return names;
}

/** Returns a container as it is reported. */
export function reportContainer({ id, runtime, label, name, pod }: Container): ContainerOfProcess {
  return { id, runtime, label, ...(name === undefined ? {} : { name }), ...(pod === undefined ? {} : { pod }) };
}

/**
 * A row for each process, not for each thread: from 535.113 to 570.144 the driver may name the thread that opened the GPU,
 * and up to 560 then finds no memory for it. That is not known, rather than 0.
 */
function byProcess(uses: readonly GpuUse[]): GpuUse[] {
  const rows = new Map<string, GpuUse>();
  for (const use of uses) {
    const pid = readProcess(use.pid)?.pid ?? use.pid;
    const isThread = pid !== use.pid;
    const key = `${use.uuid}:${pid}`;
    const before = rows.get(key);
    const row = { ...use, pid, memory: isThread && use.memory === 0 ? null : use.memory };
    if (before === undefined || !isThread) rows.set(key, { ...row, memory: row.memory ?? before?.memory ?? null });
  }
  return [...rows.values()];
}

/** The refusal where nobody can tell inside a container which processes are its own. */
function blindError(why: string, cause?: unknown): MpuError {
  return new MpuError({
    code: 'no-translator',
    what: "cannot tell which GPU processes are this container's own",
    why,
    next: 'mpu doctor says what this container lacks; on the host mpu ps needs nothing',
    exitCode: ExitCode.hostUnsupported,
    cause,
  });
}

/** nvidia-smi with libmpu.so, whether or not this container was injected, once it is known to translate. */
async function smiOfContainer(signal: AbortSignal | undefined): Promise<NvidiaSmi> {
  await translate([process.pid], 'to-host').catch((error: unknown) => {
    throw blindError(error instanceof MpuError ? error.why : messageOf(error), error);
  });
  const preload = nativeLibrary();
  // Without it nvidia-smi may list the processes of others.
  if (!existsSync(preload)) throw blindError(`this mpu has no libmpu.so: ${preload} is not there`);
  return findNvidiaSmi({ preload, signal });
}

/** Which processes to find. */
export interface FindProcessesOptions {
  /** Only those of the containers that it means, as in selectContainers(). */
  selector?: string | undefined;
  /** Ends the search. */
  signal?: AbortSignal | undefined;
}

/**
 * The GPU processes, sorted by GPU and PID. Throws an MpuError: no-nvidia-smi, nvidia-smi-failed, nvidia-smi-hangs, no-gpu,
 * and in containers no-translator (all exit code 3); no-such-container, ambiguous-container; interrupted.
 */
export async function findGpuProcesses({ selector, signal }: FindProcessesOptions = {}): Promise<GpuProcesses> {
  const onHost = isOnHost();
  if (selector !== undefined && !onHost) {
    throw usageError(
      `cannot look at the container ${selector}`,
      'this is inside a container, which sees its own processes only',
      'mpu ps, or run it on the host',
    );
  }
  const remarks: Remarks = { warnings: new Set(), unnamed: 0 };
  const smi = { ...(onHost ? await findNvidiaSmi({ signal }) : await smiOfContainer(signal)), remarks };
  const gpus = await queryGpus(smi);
  if (gpus.length === 0) {
    throw new MpuError({
      code: 'no-gpu',
      what: 'cannot list GPU processes',
      why: 'nvidia-smi finds no GPU here',
      next: onHost
        ? 'lspci -d 10de: shows whether there is one; mpu doctor tells more'
        : 'run the container with --gpus all or a CDI device',
      exitCode: ExitCode.hostUnsupported,
    });
  }
  const uses = byProcess(await queryProcesses(smi, gpus));
  const containers = onHost ? await findContainers() : [];
  const byPid = containersByPid(containers);
  const chosen = selector === undefined ? undefined : new Set(selectContainers(containers, selector));
  const seen = uses.map((use) => ({ use, process: readProcess(use.pid), container: byPid.get(use.pid) }));
  const shown = seen.filter(
    ({ container }) => chosen === undefined || (container !== undefined && chosen.has(container)),
  );
  const users = await userNames(shown.flatMap(({ process }) => process?.uid ?? []));
  const hostPids = onHost
    ? shown.map(({ use }) => use.pid)
    : await translate(
        shown.map(({ use }) => use.pid),
        'to-host',
      );
  const processes = shown.flatMap(({ use, process, container }, index): GpuProcess[] => {
    const hostPid = hostPids[index] ?? 0;
    // In a container: of no process of its own, or of one that has ended meanwhile.
    if (hostPid === 0) return [];
    const inside = process === undefined || container === undefined ? undefined : numberInContainer(process, container);
    const words = argumentsOf(use.pid);
    return [
      {
        gpu: use.gpu,
        uuid: use.uuid,
        hostPid,
        containerPid: onHost ? (inside ?? null) : use.pid,
        container: container === undefined ? null : reportContainer(container),
        user: process === undefined ? null : (users.get(process.uid) ?? String(process.uid)),
        type: use.type,
        memory: use.memory,
        utilization: use.utilization,
        command: words.length === 0 ? null : words.join(' '),
      },
    ];
  });
  return { onHost, gpus, processes, unnamedProcesses: remarks.unnamed, warnings: [...remarks.warnings] };
}
