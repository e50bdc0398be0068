// SPDX-License-Identifier: GPL-2.0-only
/** Which process and container an Xid line means. Never a guess: a PID may have been reused since. */
import { containersByPid, findContainers, numberInContainer } from '../containers/containers.js';
import { readProcess, startTime } from '../containers/processes.js';
import { reportContainer, type ContainerOfProcess } from '../gpu/processes.js';
import { isNamed, type XidLine } from './line.js';
import { commOf, type SeenProcess, type SeenProcesses } from './seen-processes.js';

/**
 * `running`: the process is there still; `ended`: it is not, but was seen before; `gone`: it was not seen; `unknown`: a process
 * has the PID, and the line does not tell whether it had it then; `none`: the driver names no process.
 */
export type ProcessState = 'running' | 'ended' | 'gone' | 'unknown' | 'none';

/** An Xid line and the process that it means. */
export interface XidEvent extends XidLine {
  process: ProcessState;
  /** Null for a process of the host, and for one that is not known. */
  container: ContainerOfProcess | null;
  /** Its PID in its container. */
  containerPid: number | null;
}

/** Clock ticks of /proc in a second (USER_HZ). */
const TICKS = 100;
/** The log's clock stops while a machine sleeps and is coarser than that of processes. */
const CLOCKS_DIFFER_S = 1;

const nobody = (line: XidLine, process: ProcessState): XidEvent => ({
  ...line,
  process,
  container: null,
  containerPid: null,
});

/** Returns true if a process was started before a line was logged; undefined where the line does not tell when that was. */
function wasThere(pid: number, { uptime }: XidLine): boolean | undefined {
  return uptime === null ? undefined : startTime(pid) / TICKS <= uptime + CLOCKS_DIFFER_S;
}

async function describe(pid: number): Promise<SeenProcess | undefined> {
  const process = readProcess(pid);
  if (process?.pid === undefined) return undefined;
  const container = containersByPid(await findContainers()).get(process.pid);
  return {
    comm: commOf(process.pid),
    container: container === undefined ? null : reportContainer(container),
    containerPid: container === undefined ? null : (numberInContainer(process, container) ?? null),
  };
}

/** The process that was seen under a line's PID and name. */
function remembered(line: XidLine, seen: SeenProcesses | undefined): XidEvent {
  const candidates = (line.hostPid === null ? [] : (seen?.withPid(line.hostPid) ?? [])).filter(({ comm }) =>
    isNamed(line, comm),
  );
  const [latest] = candidates;
  if (latest === undefined) return nobody(line, 'gone');
  // Two of one name had the PID within ten minutes.
  if (candidates.length > 1) return nobody(line, 'unknown');
  return { ...line, process: 'ended', container: latest.container, containerPid: latest.containerPid };
}

/**
 * Finds the process of a line.
 *
 * @param seen - GPU processes of the last minutes
 * @param justNow - the line was logged just now, so that whoever has the PID had it then
 */
export async function identifyXid(line: XidLine, seen?: SeenProcesses, justNow = false): Promise<XidEvent> {
  const pid = line.hostPid;
  if (pid === null) return nobody(line, 'none');
  const start = startTime(pid);
  const there = start === 0 || !isNamed(line, commOf(pid)) ? false : justNow || wasThere(pid, line);
  if (there === false) return remembered(line, seen);
  const process = there === true ? await describe(pid) : undefined;
  if (there === undefined) return nobody(line, 'unknown');
  // It may have ended while its container was looked for.
  if (process === undefined || startTime(pid) !== start) return remembered(line, seen);
  return { ...line, process: 'running', container: process.container, containerPid: process.containerPid };
}

/** Returns an event in words, for the end of its line. */
export function describeXid({ process, container, containerPid }: XidEvent): string {
  switch (process) {
    case 'none':
      return 'no process named';
    case 'gone':
      return 'process gone';
    case 'unknown':
      return 'process not known: its PID may have been reused';
    default: {
      const ended = process === 'ended' ? ', ended' : '';
      if (container === null) return `process of the host${ended}`;
      return `container ${container.label}, PID ${containerPid ?? 'as on the host'}${ended}`;
    }
  }
}
