// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { judgeSharedPage, pollingKey, SHARED_PAGE_CHECK } from '#mpu/lib/doctor/shared-page.js';

const params = (list: string): string => `RegisterPCIDriver: 1\nRegistryDwords: ${list}\nRegistryDwordsPerDevice: ""\n`;

void t.test('the key among the options of the driver', (t) => {
  for (const [list, value] of [
    ['""', undefined],
    ['"RMDebugRusdPolling=1"', 1],
    ['"Other=3;RMDebugRusdPolling=1;"', 1],
    ['"Other=3; rmdebugrusdpolling = 0x2 "', 2],
    ['"RMDebugRusdPolling=2;RMDebugRusdPolling=1"', 1],
    ['"RMDebugRusdPollingInterval=1"', undefined],
    ['"RMDebugRusdPolling="', NaN],
    ['"RMDebugRusdPolling=on"', NaN],
  ] as const) {
    t.same(pollingKey(params(list)), value, list);
  }
  t.equal(pollingKey('RegistryDwordsPerDevice: "RMDebugRusdPolling=1"\n'), undefined, 'another option');
  t.end();
});

void t.test('findings', (t) => {
  const judge = (list: string) => judgeSharedPage('595.58.03', params(list));
  t.match(judge('"RMDebugRusdPolling=1"'), { verdict: 'ok' });
  t.match(judge('""'), { verdict: 'info', next: /NVreg_RegistryDwords="RMDebugRusdPolling=1"/ });
  t.match(judge('"RMDebugRusdPolling=2"'), { verdict: 'warn', why: /always/ });
  t.match(judge('"RMDebugRusdPolling=7"'), { verdict: 'warn', why: /=7 has no known meaning/ });
  t.match(judgeSharedPage('595.58.03', undefined), { verdict: 'warn', next: /proc.driver.nvidia.params/ });
  t.end();
});

void t.test('drivers that have the block', (t) => {
  for (const [release, applies] of [
    ['580.159.04', false],
    ['590.44.00', false],
    ['590.44.01', true],
    ['590.48', true],
    ['610.57.04', true],
  ] as const) {
    t.equal(SHARED_PAGE_CHECK.applies({ driver: { release, flavour: 'open' } }), applies, release);
  }
  t.notOk(SHARED_PAGE_CHECK.applies({ driver: undefined }));
  t.end();
});
