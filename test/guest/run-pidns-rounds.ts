// SPDX-License-Identifier: GPL-2.0-only
/**
 * `npm run test:pidns-rounds -- [ROUNDS] [KERNEL...]`: the BPF iterator loaded again 1,000 times unless told otherwise, half of
 * the times after it was taken away, while containers read it; on every kernel that is tested.
 */
import { performance } from 'node:perf_hooks';
import { buildInitramfs } from './harness/build.js';
import { CASES, onlySubject, runGuest } from './harness/guest.js';
import { kernelOf, SERIES, type Series } from './harness/kernels.js';

const USAGE = `usage: npm run test:pidns-rounds -- [ROUNDS] [KERNEL...]   ${SERIES.join(', ')}`;
const DEFAULT_ROUNDS = 1_000;
/** Seconds for a round, and for all besides: two CPUs are emulated, perhaps on less than one. */
const ROUND_S = 2;
const GUEST_S = 600;

function usage(): never {
  process.stderr.write(`${USAGE}\n`);
  process.exit(2);
}

const seriesOf = (name: string): Series => SERIES.find((known) => known === name) ?? usage();

const [asked = String(DEFAULT_ROUNDS), ...names] = process.argv.slice(2);
const rounds = Number(asked);
if (!Number.isInteger(rounds) || rounds < 1) usage();

for (const series of names.length > 0 ? names.map(seriesOf) : SERIES) {
  const kernel = await kernelOf(series);
  const start = performance.now();
  // This needs no module.
  const task = { subject: 'pidns', argument: rounds, timeout: GUEST_S + ROUND_S * rounds } as const;
  const result = await runGuest(kernel, await buildInitramfs(kernel, '/dev/null'), [task]);
  const { cases, ended } = onlySubject(result);
  const failed = cases.filter(({ ok }) => !ok);
  const isRight = result.finished && ended && failed.length === 0 && cases.length === CASES.pidns;
  const seconds = Math.round((performance.now() - start) / 1000);
  process.stdout.write(`${kernel.release}: ${rounds} reloads, ${isRight ? 'right' : 'WRONG'}, ${seconds} s\n`);
  if (isRight) continue;
  process.exitCode = 1;
  process.stderr.write(`${failed.map(({ name }) => name).join('\n')}\n${result.finished ? '' : result.ending}\n`);
}
