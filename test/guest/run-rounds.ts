// SPDX-License-Identifier: GPL-2.0-only
/**
 * `npm run test:intercept-rounds -- [ROUNDS] [KERNEL...]`: interception switched on and off, and mpu.ko loaded and unloaded,
 * 1,000 times each unless told otherwise, while containers ask the driver; on every kernel that is tested.
 */
import { performance } from 'node:perf_hooks';
import { reportGuest } from './harness/report.js';
import { runGuest } from './harness/guest.js';
import { kernelOf, SERIES, type Series } from './harness/kernels.js';
import { interceptionInitramfs } from './harness/interception.js';

const USAGE = `usage: npm run test:intercept-rounds -- [ROUNDS] [KERNEL...]   an even number; ${SERIES.join(', ')}`;
const DEFAULT_ROUNDS = 1_000;
/** Seconds for a round of each kind, and for all besides: two CPUs are emulated, perhaps on less than one. */
const ROUND_S = 10;
const GUEST_S = 600;

function usage(): never {
  process.stderr.write(`${USAGE}\n`);
  process.exit(2);
}

function seriesOf(name: string): Series {
  return SERIES.find((known) => known === name) ?? usage();
}

const [asked = String(DEFAULT_ROUNDS), ...names] = process.argv.slice(2);
const rounds = Number(asked);
if (!Number.isInteger(rounds) || rounds < 2 || rounds % 2 !== 0) usage();

for (const series of names.length > 0 ? names.map(seriesOf) : SERIES) {
  const kernel = await kernelOf(series);
  const initramfs = await interceptionInitramfs(kernel);
  const start = performance.now();
  const task = { subject: 'rounds', argument: rounds, timeout: GUEST_S + ROUND_S * rounds } as const;
  const result = await runGuest(kernel, initramfs, [task], {
    onLine: (line) => {
      const [, note] = /mpu-guest: note (.*)$/.exec(line) ?? [];
      if (note !== undefined) process.stdout.write(`# ${note}\n`);
    },
  });
  reportGuest(`Linux ${kernel.release}`, 'rounds', kernel, result);
  process.stdout.write(`# Linux ${kernel.release}: ${((performance.now() - start) / 1000).toFixed()} s\n`);
}
