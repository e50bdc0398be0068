// SPDX-License-Identifier: GPL-2.0-only
/** The simulated nvidia.ko itself. */
import type { Test } from 'tap';
import { CODES, FILES } from '../../rm-sim/probe-answers.js';
import { IN_GUEST, NODE_TOOLS, guestProbes } from '../harness/node-userland.js';
import { buildDrivers, ENTRIES } from '../harness/nvidia-driver.js';
import type { GuestOutcome, Subject } from '../harness/subject.js';
import type { DriverObservation, ProbeObservation } from '../init/plan.js';

/** One for each width of programs. */
const PROBES = 2;
/** The process that uses the GPU, and the one that asks. */
const BOTH = { status: 0, count: 2 };

/** Names of the ioctl entries, for 64-bit and for 32-bit programs, and of the devices. */
const REAL = {
  frontend: {
    entries: ['nvidia_frontend_unlocked_ioctl', 'nvidia_frontend_compat_ioctl'],
    devices: ['nvidia-frontend'],
  },
  unlocked: { entries: ['nvidia_unlocked_ioctl', 'nvidia_unlocked_ioctl'], devices: ['nvidia', 'nvidiactl'] },
} as const;

function checkProbe(t: Test, name: string, seen: ProbeObservation | undefined, entry: string): void {
  t.same(seen?.calledBy, [entry], `${name} comes in by the real driver's function alone`);
  t.match(seen?.pids, BOTH, `${name} is listed`);
  t.match(seen?.codes, CODES, `${name}: RM statuses and errno values`);
  t.match(seen?.files, FILES, `${name}: clients live until the last descriptor of their file is closed`);
}

function checkDriver(
  t: Test,
  seen: DriverObservation,
  probes: string[],
  { entries, devices }: (typeof REAL)[keyof typeof REAL],
): void {
  t.same(seen.accepted, [], 'wrong options are refused');
  t.notOk(seen.removedWhileOpen, 'it stays while a file is open');
  t.equal(seen.version, '555.58.02', '/sys/module/nvidia/version');
  t.match(seen.versionFile, /Kernel Module for x86_64 {2}555\.58\.02 {2}Rel/, '/proc/driver/nvidia/version');
  t.same(seen.devices, devices, 'devices');
  t.same(seen.entries, [...new Set(entries)].sort(), 'ftrace can redirect the ioctl entries');
  for (const [index, name] of probes.entries()) checkProbe(t, name, seen.probes[index], entries[index] ?? '');
  t.match(seen.afterKills, BOTH, 'processes killed in the middle of calls leave nothing behind');
}

async function check(t: Test, probes: string[], outcome: GuestOutcome): Promise<void> {
  if (probes.length < PROBES) {
    const loud = 'LOUD SKIP: 32-bit programs not tested, install libc6-dev-i386 and build again';
    await t.test(loud, { skip: loud }, () => undefined);
  }
  const drivers = (outcome.outcomeOf('driver') ?? []) as DriverObservation[];
  for (const entry of ENTRIES) {
    await t.test(entry, (t) => {
      const seen = drivers.find(({ path }) => path === IN_GUEST.driver(entry));
      if (seen === undefined) t.fail('it was not examined');
      else checkDriver(t, seen, probes, REAL[entry]);
      t.end();
    });
  }
}

export const driver: Subject = {
  name: 'nvidia.ko',
  tools: NODE_TOOLS,
  node: true,
  prepare: async (kernel) => {
    const probes = guestProbes();
    return {
      ...(await buildDrivers(kernel)),
      tasks: [{ subject: 'driver', timeout: 600, cases: ENTRIES.length + 1 }],
      plan: { driver: { drivers: ENTRIES.map(IN_GUEST.driver), probes: probes.map(IN_GUEST.probe) } },
      check: (t, outcome) => check(t, probes, outcome),
    };
  },
};
