// SPDX-License-Identifier: GPL-2.0-only
/** What makes bench/translation-latency fail. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { check, checkout, run } from '../support/mpu.js';
import { outsideLimits } from '../../bench/translation-limits.js';

const good = [
  ['to_ns_950/echo_950', 1.7],
  ['to_ns_950_middle/echo_950', 3],
  ['two_callers/one_caller', 1.6],
] as const;

await t.test('figures of a guest', (t) => {
  t.same(outsideLimits(new Map(good)), []);
  for (const [name, value, wanted] of [
    ['to_ns_950/echo_950', 3.1, /is 3.10; at most 3 /],
    ['to_ns_950_middle/echo_950', 4, /is 4.00; at most 3 /],
    ['two_callers/one_caller', 1.5, /is 1.50; at least 1.6 /],
    ['two_callers/one_caller', NaN, /is NaN; at least 1.6 /],
  ] as const) {
    t.match(outsideLimits(new Map([...good, [name, value]])), [wanted], `${name} ${value}`);
  }
  t.equal(outsideLimits(new Map()).length, 3, 'a figure that is missing');
  t.end();
});

await t.test('the namespace file, natively', async (t) => {
  const scratch = await mkdtemp(join(tmpdir(), 'mpu-nsfs-'));
  t.teardown(() => rm(scratch, { recursive: true, force: true }));
  const program = join(scratch, 'translation-latency');
  const source = join(checkout, 'bench', 'translation-latency.c');
  for (const [limit, status] of [
    ['1e6', [0, 3]],
    ['1e-6', [1, 3]],
  ] as const) {
    await check('cc', ['-Wall', '-Wextra', '-Werror', `-DMAX_US=${limit}`, '-o', program, source]);
    const ended = await run(program, []);
    t.ok(
      (status as readonly (number | null)[]).includes(ended.status),
      `at most ${limit} us: status ${String(ended.status)}`,
    );
    // 3: a kernel older than 6.11 does not translate.
    if (ended.status !== 3) t.match(ended.stdout, /^nsfs \d+\.\d{3} us a PID\n$/);
    t.equal(ended.stderr === '', ended.status === 0, 'a failure says why');
  }
});
