// SPDX-License-Identifier: GPL-2.0-only
/**
 * What container A is to be told about the world: by each regime's driver alone, and with libmpu.so.
 * The former states what the regimes are, and so checks the simulation; the latter is the truth.
 */
import type { Regime } from './harness.js';
import { isVisible, type ProcessSpec, type Utilization, type WorldProcess } from './world.js';

/** Utilization of one process, in percent. */
export interface Activity {
  pid: number;
  engines: Utilization;
}

/**
 * The utilization found, or the one wanted if that is close. NVML averages over as few samples as
 * fall into its window and rounds more than once, so that figures are off by up to a sixth.
 */
export const near = (found: number, wanted: number): number =>
  Math.abs(found - wanted) <= Math.max(1, wanted / 6) ? wanted : found;

/** An encoder or capture session. */
export interface Session {
  sessionId: number;
  pid: number;
}

/** An accounting record as NVML gives it out; memory in bytes. */
export interface AccountingRecord {
  gpuUtilization: number;
  memoryUtilization: number;
  maxMemoryUsage: number;
  isRunning: number;
}

const MIB = 1 << 20;

/** The answers of a driver, seen through libmpu.so or not, to a program in container A. */
export class View {
  private readonly live: WorldProcess[];

  constructor(
    private readonly regime: Regime,
    private readonly preloaded: boolean,
    private readonly processes: readonly WorldProcess[],
  ) {
    this.live = processes.filter((process) => process.ended !== true);
  }

  private get threads(): boolean {
    return this.regime !== 'R0' && this.regime !== 'R4';
  }

  /** How GET_PIDS calls a process; undefined when it leaves it out. */
  private listedAs(process: WorldProcess): number | undefined {
    if (this.preloaded) return process.contained;
    if (this.regime === 'R0') return process.host;
    return this.threads ? process.containedThread : process.contained;
  }

  /** The PIDs listed for a GPU and a kind of process, in the driver's order. */
  pids(gpu: number, kind: ProcessSpec['kind']): number[] {
    const listed: number[] = [];
    for (const process of this.live.filter((each) => each.gpu === gpu && each.kind === kind)) {
      for (let client = 0; client < (process.clients ?? 1); client++) {
        const pid = this.listedAs(process);
        // The driver looks for the host's number among the translated ones: from R1 on that finds
        // no duplicate, and might find another process.
        const known = listed.includes(this.preloaded ? (pid ?? 0) : process.host);
        if (pid !== undefined && !known) listed.push(pid);
      }
    }
    return listed;
  }

  /** Memory, in MiB, of the process that the driver takes `pid` for; 0 when it knows none. */
  memory(gpu: number, pid: number): number {
    const means = (process: WorldProcess): number | undefined => {
      if (this.preloaded) return process.contained;
      if (this.regime === 'R0' || this.regime === 'R1') return process.host;
      return this.threads ? process.containedThread : process.contained;
    };
    return this.live.find((process) => process.gpu === gpu && means(process) === pid)?.memory ?? 0;
  }

  /** File name of the program that has the number `pid` in container A; null when there is none. */
  name(pid: number): string | null {
    const named = this.live.find((process) => process.contained === pid || process.containedThread === pid);
    return named?.name ?? null;
  }

  /**
   * The processes that samples of utilization name. In every release that the tested clients fit,
   * the samples hold numbers of the host; later ones have another layout.
   */
  activities(gpu: number): Activity[] {
    return this.live.flatMap((process) => {
      const pid = this.preloaded ? process.contained : process.host;
      if (process.gpu !== gpu || process.utilization === undefined || pid === undefined) return [];
      return [{ pid, engines: process.utilization }];
    });
  }

  /** Sessions of the encoder (`encoderSessions`) or of frame-buffer capture (`captureSessions`). */
  sessions(gpu: number, of: 'encoderSessions' | 'captureSessions'): Session[] {
    let sessionId = 0;
    const sessions: Session[] = [];
    for (const process of this.live.filter((each) => each.gpu === gpu)) {
      for (let i = 0; i < (process[of] ?? 0); i++) {
        sessionId++;
        const pid = this.preloaded ? process.contained : process.host;
        if (pid !== undefined) sessions.push({ sessionId, pid });
      }
    }
    return sessions;
  }

  /** PIDs with an accounting record. */
  accountingPids(gpu: number): number[] {
    const onGpu = (list: readonly WorldProcess[]): WorldProcess[] => list.filter((process) => process.gpu === gpu);
    if (this.preloaded) return onGpu(this.live).flatMap((process) => process.contained ?? []);
    switch (this.regime) {
      case 'R3a':
        return onGpu(this.live).flatMap((process) => process.containedThread ?? []);
      case 'R3b':
      case 'R4':
        return onGpu(this.live).map((process) => process.host);
      default:
        return onGpu(this.processes).map((process) => process.host);
    }
  }

  /**
   * The right answers when the accounting record of a PID is asked for: a record, or undefined for
   * NVML_ERROR_NOT_FOUND. There are two where the driver overwrites the number asked for: libmpu.so
   * cannot know whether an own process was asked for by its number or by its host's.
   */
  accounting(gpu: number, pid: number): (AccountingRecord | undefined)[] {
    const global = ['R0', 'R1', 'R2'].includes(this.regime);
    const byHost = this.processes.find((process) => process.host === pid);
    const byNumber = this.live.find((process) =>
      this.preloaded || !this.threads ? process.contained === pid : process.containedThread === pid,
    );
    if (!this.preloaded) return [this.record(gpu, global ? byHost : (byNumber ?? byHost))];
    if (byNumber !== undefined || byHost === undefined || global || !isVisible(byHost) || byHost.ended === true) {
      return [this.record(gpu, byNumber)];
    }
    return [undefined, this.record(gpu, byHost)];
  }

  private record(gpu: number, process: WorldProcess | undefined): AccountingRecord | undefined {
    if (process?.gpu !== gpu) return undefined;
    // From R2 on the driver never finds the peak memory of a process in a container.
    const peakKnown = process.place === 'outside' || ['R0', 'R1'].includes(this.regime);
    return {
      gpuUtilization: process.utilization?.sm ?? 0,
      memoryUtilization: process.utilization?.mem ?? 0,
      maxMemoryUsage: peakKnown ? process.memory * MIB : 0,
      isRunning: process.ended === true ? 0 : 1,
    };
  }
}
