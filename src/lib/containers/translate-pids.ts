// SPDX-License-Identifier: GPL-2.0-only
/** Translating PIDs for a person: inside a container its own, on the host those of any container. */
import { readdirSync } from 'node:fs';
import { containersByPid, findContainers, numberInContainer, selectContainer, type Container } from './containers.js';
import { isOnHost, readProc, readProcess } from './processes.js';
import { usageError } from '../errors.js';
import { translate } from '../translator.js';

/** One PID and what it is on the other side. */
export interface TranslatedPid {
  pid: number;
  /** Null for a process that does not exist, or is not in the container. */
  translated: number | null;
  /** What the container is called; null inside of one, and for processes of the host. */
  container: string | null;
}

/** Inside a container: as the kernel answers. */
async function translateHere(pids: readonly number[], toHost: boolean): Promise<TranslatedPid[]> {
  const answers = await translate(pids, toHost ? 'to-host' : 'to-ns');
  return pids.map((pid, index) => ({ pid, translated: (answers[index] ?? 0) || null, container: null }));
}

/** The numbers of the threads of a process, each from here down to its own PID namespace; none once it has ended. */
function threadNumbers(pid: number): number[][] {
  let threads: string[];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
  return threads.map(
    (thread) =>
      /^NSpid:\s*(.*)$/m
        .exec(readProc(pid, `task/${thread}/status`))?.[1]
        ?.split(/\s+/)
        .map(Number) ?? [],
  );
}

function toHost(pid: number, container: Container): TranslatedPid {
  const { processes } = container;
  const level = Math.min(...processes.map(({ numbers }) => numbers.length)) - 1;
  const found =
    processes.find(({ numbers }) => numbers[level] === pid) ??
    processes.find((process) => threadNumbers(process.pid).some((numbers) => numbers[level] === pid));
  return { pid, translated: found?.pid ?? null, container: container.label };
}

function toContainer(
  pid: number,
  containers: ReadonlyMap<number, Container>,
  wanted: Container | undefined,
): TranslatedPid {
  const process = readProcess(pid);
  const container = process === undefined ? undefined : containers.get(process.pid);
  if (process === undefined || container === undefined || (wanted !== undefined && container !== wanted)) {
    return { pid, translated: null, container: null };
  }
  // Where the namespace is the host's, both numbers are the same.
  return { pid, translated: numberInContainer(process, container) ?? process.pid, container: container.label };
}

/**
 * Translates PIDs; the answer has the same order, and the id of a thread counts as its process. On the host it is read
 * from /proc, on every kernel and without mpu.ko; in a container it is asked of mpu.ko or the namespace file.
 * `selector` names a container, as in selectContainer(); from the host `toHost` needs one. Throws an MpuError.
 */
export async function translatePids(
  pids: readonly number[],
  direction: 'to-host' | 'to-container',
  selector?: string,
): Promise<TranslatedPid[]> {
  if (!isOnHost()) {
    if (selector === undefined) return translateHere(pids, direction === 'to-host');
    throw usageError(
      'cannot translate the PIDs',
      'this is inside a container, which can translate its own PIDs only',
      `mpu translate ${pids.join(' ')} --${direction}`,
    );
  }
  if (selector === undefined && direction === 'to-host') {
    throw usageError(
      'cannot translate the PIDs',
      'this is the host, where it has to be said whose PIDs they are',
      `mpu translate ${pids.join(' ')} --to-host --in CONTAINER`,
    );
  }
  const containers = await findContainers();
  const wanted = selector === undefined ? undefined : selectContainer(containers, selector);
  if (wanted !== undefined && direction === 'to-host') return pids.map((pid) => toHost(pid, wanted));
  const byPid = containersByPid(containers);
  return pids.map((pid) => toContainer(pid, byPid, wanted));
}
