// SPDX-License-Identifier: GPL-2.0-only
/** `npm run test:debug-kernel`: all cases of the guests on a kernel with every checker, after planted mistakes were found. */
import { interceptionInitramfs } from './harness/interception.js';
import { debugKernel } from './harness/debug-kernel.js';
import { buildModule, type ModuleSource } from './harness/build.js';
import { report, reportGuest } from './harness/report.js';
import { runGuest, type GuestResult, type Task } from './harness/guest.js';

const PLANTED: ModuleSource = { name: 'planted', directories: { '.': 'test/guest/modules/planted' } };

/** What each mistake is to be answered with. */
const MISTAKES: Record<string, RegExp> = {
  'use-after-free': /BUG: KASAN: (slab-)?use-after-free/,
  'lock-order': /possible circular locking dependency/,
  sleep: /scheduling while atomic|sleeping function called from invalid context/,
  leak: /lost no memory: .*unreferenced object/,
};

/** Seconds: every instruction is checked, in an emulation. */
const TIMEOUT_S = 3_600;
const MEMORY_MIB = 3_072;
const ROUNDS = 20;
/** This kernel looks for memory that was lost. It cannot be locked down. */
const FURTHER = 1;

const kernel = await debugKernel();
const planted = await buildModule(kernel, [], PLANTED);
const initramfs = await interceptionInitramfs(kernel, { 'planted.ko': planted.path });

async function guest(task: Omit<Task, 'timeout'>): Promise<GuestResult & { console: string }> {
  const lines: string[] = [];
  const result = await runGuest(kernel, initramfs, [{ ...task, timeout: TIMEOUT_S }], {
    memory: MEMORY_MIB,
    onLine: (line) => lines.push(line),
  });
  return { ...result, console: lines.join('\n') };
}

for (const [mistake, finding] of Object.entries(MISTAKES)) {
  const { console } = await guest({ subject: 'planted', argument: mistake });
  report(finding.test(console), `a planted mistake is found: ${mistake}`);
}
reportGuest('netlink', 'netlink', kernel, await guest({ subject: 'netlink' }), FURTHER);
reportGuest(
  'interception',
  'interception',
  kernel,
  await guest({ subject: 'interception', argument: ROUNDS }),
  FURTHER,
);
