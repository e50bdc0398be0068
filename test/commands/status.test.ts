// SPDX-License-Identifier: GPL-2.0-only
/** What `mpu status` says of an mpu.ko that is not at hand. */
import t from 'tap';
import { describeModule } from '#mpu/commands/status.js';
import type { ModuleState } from '#mpu/lib/translator.js';

const answer = (change: Partial<ModuleState>): ModuleState => ({
  version: '0.1.0',
  abi: 1,
  features: ['translate'],
  maxPids: 4096,
  intercept: 'off',
  generation: '1',
  ...change,
});

await t.test('mpu.ko in a few words', (t) => {
  const counters = { requests: 3, pids: 12, hidden: 0, rewritten: 0, untouched: 0, inFlight: 0 };
  t.equal(describeModule({ owner: 'none' }), 'not loaded');
  t.match(describeModule({ owner: 'foreign' }), /another project's/);
  t.equal(describeModule({ owner: 'mpu', version: '0.1.0' }), '0.1.0, which cannot be asked');
  t.equal(
    describeModule({ owner: 'mpu', answer: answer({ counters }) }),
    '0.1.0, interception off, 3 requests with 12 PIDs',
  );
  const waiting = answer({ intercept: 'waiting', interceptReason: 'nvidia.ko is not loaded' });
  t.equal(describeModule({ owner: 'mpu', answer: waiting }), '0.1.0, interception waiting (nvidia.ko is not loaded)');
  const blocked = answer({ intercept: 'blocked', interceptReason: 'ftrace refuses to redirect nvidia.ko', counters });
  t.equal(
    describeModule({ owner: 'mpu', answer: blocked }),
    '0.1.0, interception blocked (ftrace refuses to redirect nvidia.ko), 3 requests with 12 PIDs',
  );
  t.end();
});
