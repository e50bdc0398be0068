// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { DRIVER_CHECKS, judgeRelease } from '#mpu/lib/doctor/driver-checks.js';
import { runChecks } from '#mpu/lib/doctor/check.js';
import { NEWEST_RELEASE } from '#mpu/lib/driver/regimes.js';
import { MpuError } from '#mpu/lib/errors.js';

void t.test('the newest release that is known', async (t) => {
  t.match(judgeRelease('580.159.04'), { verdict: 'ok', why: NEWEST_RELEASE });
  t.match(judgeRelease(NEWEST_RELEASE), { verdict: 'ok' });
  t.match(judgeRelease('999.1'), { verdict: 'info', why: /^999\.1 is newer than /, next: /docs\/release\.md/ });
  const driver = { release: '999.1', flavour: 'open' as const };
  const results = await runChecks(DRIVER_CHECKS, { driver, addonError: undefined });
  t.match(
    results.find(({ id }) => id === 'release'),
    { verdict: 'info' },
  );
  const without = await runChecks(DRIVER_CHECKS, { driver: undefined, addonError: undefined });
  t.notOk(
    without.some(({ id }) => id === 'release'),
    'nothing without a driver',
  );
});

await t.test('drivers whose regime is not known', async (t) => {
  const driver = { release: 'ABC', flavour: 'unknown' as const };
  t.match(await runChecks(DRIVER_CHECKS, { driver, addonError: undefined }), [
    { id: 'driver', verdict: 'ok' },
    { id: 'regime', verdict: 'warn', why: /known by its release, and ABC is none/ },
  ]);
  const addonError = new MpuError({ code: 'addon-missing', what: 'x', why: 'not built', next: 'npm run build' });
  t.match(await runChecks(DRIVER_CHECKS, { driver, addonError }), [
    { id: 'addon', verdict: 'fail' },
    { id: 'driver' },
    { id: 'regime', why: /the native addon, which cannot be loaded/, next: /npm .*run build/ },
  ]);
});
