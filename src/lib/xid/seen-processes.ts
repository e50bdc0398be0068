// SPDX-License-Identifier: GPL-2.0-only
/** GPU processes and their containers, remembered for a while: a process is mostly gone when the driver reports its error. */
import { readProc, startTime } from '../containers/processes.js';
import type { ContainerOfProcess, GpuProcess } from '../gpu/processes.js';

/** A process of the host or of a container. */
export interface SeenProcess {
  /** Name, as in /proc/PID/comm. */
  comm: string;
  /** Null for a process of the host. */
  container: ContainerOfProcess | null;
  /** Its PID in its container; null where it has none of its own there. */
  containerPid: number | null;
}

interface Entry extends SeenProcess {
  start: number;
  seenAt: number;
}

/** How long a process is remembered after it was last seen. */
export const REMEMBERED_MS = 10 * 60 * 1000;
/** Bounds the memory on a host where processes come and go fast; the oldest are forgotten first. */
const MAX_ENTRIES = 10_000;

/** Name of a process; empty once it has ended. */
export const commOf = (pid: number): string => readProc(pid, 'comm').replace(/\n$/, '');

/** The processes that were seen, by host PID; a PID that was reused has several. */
export class SeenProcesses {
  readonly #entries = new Map<number, Entry[]>();
  #count = 0;

  constructor(private readonly now: () => number = Date.now) {}

  /** Remembers the GPU processes that there are now. */
  add(processes: readonly GpuProcess[]): void {
    for (const { hostPid, container, containerPid } of processes) {
      this.remember(hostPid, startTime(hostPid), { comm: commOf(hostPid), container, containerPid });
    }
    this.#forget();
  }

  /** Remembers one process, by its PID and start time. */
  remember(pid: number, start: number, process: SeenProcess): void {
    // It has ended since it was listed, and its number may be another's by now.
    if (start === 0 || process.comm === '') return;
    const list = this.#entries.get(pid) ?? [];
    const known = list.find((entry) => entry.start === start);
    if (known === undefined) {
      list.push({ ...process, start, seenAt: this.now() });
      this.#count++;
    } else {
      Object.assign(known, process, { seenAt: this.now() });
    }
    this.#entries.set(pid, list);
  }

  /** Returns the processes with a PID that were seen in the last ten minutes, the latest first. */
  withPid(pid: number): SeenProcess[] {
    const since = this.now() - REMEMBERED_MS;
    return (this.#entries.get(pid) ?? []).filter(({ seenAt }) => seenAt >= since).sort((a, b) => b.start - a.start);
  }

  #forget(): void {
    const since = this.now() - REMEMBERED_MS;
    for (const [pid, list] of this.#entries) {
      const kept = list.filter(({ seenAt }) => seenAt >= since);
      this.#count -= list.length - kept.length;
      if (kept.length === 0) this.#entries.delete(pid);
      else this.#entries.set(pid, kept);
    }
    for (const [pid, list] of this.#entries) {
      if (this.#count <= MAX_ENTRIES) return;
      this.#count -= list.length;
      this.#entries.delete(pid);
    }
  }
}
