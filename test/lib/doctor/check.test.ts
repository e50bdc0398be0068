// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { runChecks } from '#mpu/lib/doctor/check.js';

await t.test('a check that breaks is a failure with words', async (t) => {
  const broken = {
    id: 'x',
    title: 'x',
    applies: () => true,
    run: () => {
      throw new Error('no luck');
    },
  };
  t.match(await runChecks([broken], undefined), [{ id: 'x', verdict: 'fail', why: 'no luck', next: String }]);
});
