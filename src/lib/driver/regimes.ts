// SPDX-License-Identifier: GPL-2.0-only
/** What drivers do to a container, regime by regime, in words for a person. */

/** One way in which drivers speak of PIDs; the ids are those of kernel/rm/release.c and rm-sim. */
export interface Regime {
  id: string;
  /** Releases that behave like this. */
  drivers: string;
  /** What a container is shown without mpu. */
  wrong: string;
  /** Whether PIDs and memory in the process table are right without mpu. */
  tableRight?: true;
}

/** The newest release that the table of releases has, test/kernel/rm/releases.tsv. */
export const NEWEST_RELEASE = '620.70.06';

/** Returns true if a release comes after another, by their numbers. */
export const isNewer = (release: string, other: string): boolean =>
  release.localeCompare(other, 'en', { numeric: true }) > 0;

/** The regimes in the order in which they came; sources as in kernel/rm/release.c. */
export const REGIMES: readonly Regime[] = [
  {
    id: 'R0',
    drivers: 'up to 535.104',
    wrong: 'the driver speaks of host PIDs: none of them exists here, the table is empty',
  },
  {
    id: 'R1',
    drivers: '535.113 to 560',
    wrong:
      'memory and utilization are asked for by the wrong PID; a process opened by a thread has a PID that ps does not know; rows repeat',
  },
  {
    id: 'R2',
    drivers: '565',
    wrong: 'no utilization; thread ids; rows repeat',
  },
  {
    id: 'R3b',
    drivers: '570.86 to 570.144, 575.51',
    wrong: 'thread ids; rows repeat; other tenants appear in the utilization samples, with host PID and kernel address',
  },
  {
    id: 'R4',
    drivers: '570.148, 575.57 and later',
    wrong:
      'rows repeat; other tenants appear in the utilization samples, with host PID and kernel address; accounting and encoder sessions of everybody',
    tableRight: true,
  },
];

/** The regime with an id of kernel/rm/release.c. R3a differs from R3b in accounting alone. */
export function regimeById(id: string | undefined): Regime | undefined {
  return REGIMES.find((regime) => regime.id === (id === 'R3a' ? 'R3b' : id));
}
