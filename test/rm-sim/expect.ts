// SPDX-License-Identifier: GPL-2.0-only
/** What a driver of each regime answers, worked out from the processes alone, in words other than the model's. */
import { type GpuProcess, hostNamespace, numberIn } from './session.js';

export type Regime = 'R0' | 'R1' | 'R2' | 'R3a' | 'R3b' | 'R4';

export const regimes: Regime[] = ['R0', 'R1', 'R2', 'R3a', 'R3b', 'R4'];

/** Arguments of the probe's samples request for the regime's default release: size, count, stride. */
export const sampleLayout: Record<Regime, string> = {
  R0: '34000 72 472',
  R1: '34000 72 472',
  R2: '50704 72 704',
  R3a: '55888 72 776',
  R3b: '55888 72 776',
  R4: '55888 72 776',
};

const kind = (regime: Regime): 'process' | 'thread' => (regime === 'R4' ? 'process' : 'thread');

/** The number that the driver knows a process by for a caller in a namespace, 0 where it is not visible. */
export function visibleNumber(regime: Regime, process: GpuProcess, caller: string): number {
  return regime === 'R0' ? process.global : numberIn(process, caller, kind(regime));
}

/** GET_PIDS: each client of each process in turn, unless its global PID already stands in the list. */
export function expectedPids(regime: Regime, processes: GpuProcess[], caller: string): number[] {
  const list: number[] = [];
  for (const process of processes) {
    for (let client = 0; client < process.clients; client++) {
      const number = visibleNumber(regime, process, caller);
      if (number !== 0 && !list.includes(process.global)) {
        list.push(number);
      }
    }
  }
  return list;
}

/** GET_PID_INFO: the numbers with which a process's memory is found. */
export function infoNumber(regime: Regime, process: GpuProcess, caller: string): number {
  return regime === 'R1' ? process.global : visibleNumber(regime, process, caller);
}

/** Utilization samples: number of each process, and whether a kernel pointer is left in the sample. */
export function expectedSamples(
  regime: Regime,
  processes: GpuProcess[],
  caller: string,
): { pid: number; pointer: boolean }[] {
  return processes.map((process) => {
    if (regime === 'R0' || regime === 'R1' || regime === 'R2') {
      return { pid: process.global, pointer: false };
    }
    const number = regime === 'R4' && caller === hostNamespace ? 0 : visibleNumber(regime, process, caller);
    return number === 0 ? { pid: process.global, pointer: true } : { pid: number, pointer: false };
  });
}

/** Accounting PIDs: dead processes first (as long as they are told at all), then the live ones. */
export function expectedAccounting(regime: Regime, dead: GpuProcess[], live: GpuProcess[], caller: string): number[] {
  const liveNumbers = live.map((process) =>
    regime === 'R3a' ? visibleNumber(regime, process, caller) : process.global,
  );
  const old = regime === 'R0' || regime === 'R1' || regime === 'R2';
  return [
    ...(old || caller === hostNamespace ? dead.map((process) => process.global) : []),
    ...liveNumbers.filter((number) => number !== 0),
  ];
}
