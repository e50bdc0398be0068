// SPDX-License-Identifier: GPL-2.0-only
/** The test of nvidia.ko itself on one kernel. */
import { existsSync } from 'node:fs';
import t, { type Test } from 'tap';
import { lacking } from '../../support/engines.js';
import { kernelOf, type Series } from './kernels.js';
import { CODES, FILES } from '../../rm-sim/probe-answers.js';
import { program } from '../../rm-sim/session.js';
import type { DriverObservation, ProbeObservation } from './plan.js';
import { IN_GUEST, playInGuest } from './play-in-guest.js';

const LIMIT = 850_000;
const PROBES = ['probe', 'probe-i386'];
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

/** Defines and runs the test of a kernel. */
export async function testDriver(series: Series): Promise<void> {
  const skip = await lacking(['qemu-system-x86_64', 'make', 'gcc', 'insmod', 'setpriv', 'cpio']);
  t.setTimeout(LIMIT);
  await t.test(`nvidia.ko on Linux ${series}`, { skip, timeout: LIMIT }, async (t) => {
    const probes = PROBES.filter((name) => existsSync(program(name)));
    if (probes.length < PROBES.length) {
      const loud = 'LOUD SKIP: 32-bit programs not tested, install libc6-dev-i386 and build again';
      await t.test(loud, { skip: loud }, () => undefined);
    }
    const drivers = (['frontend', 'unlocked'] as const).map(IN_GUEST.driver);
    const plays = await playInGuest(
      await kernelOf(series),
      {
        examine: { drivers, probes: probes.map(IN_GUEST.probe) },
        module: [IN_GUEST.module],
        withoutModule: [],
        withModule: [],
      },
      [],
      {},
    );
    t.same(plays.warnings, [], 'it builds without warnings');
    for (const { name, ok } of plays.guest.cases) t.ok(ok, name);
    if (!t.ok(plays.guest.finished, 'the guest ended by its own will')) t.comment(plays.guest.ending);
    for (const [index, entry] of (['frontend', 'unlocked'] as const).entries()) {
      await t.test(entry, (t) => {
        const seen = plays.drivers[index];
        if (seen === undefined) t.fail('it was not examined');
        else checkDriver(t, seen, probes, REAL[entry]);
        t.end();
      });
    }
  });
}
