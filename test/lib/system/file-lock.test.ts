// SPDX-License-Identifier: GPL-2.0-only
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { takeLock } from '#mpu/lib/system/file-lock.js';
import { run } from '../../support/mpu.js';

await t.test('one at a time', async (t) => {
  const path = join(t.testdir(), 'lock');
  const release = await takeLock(path);
  t.equal((await run('flock', ['--nonblock', path, 'true'])).status, 1);
  let isTaken = false;
  const next = takeLock(path).then((releaseNext) => {
    isTaken = true;
    return releaseNext;
  });
  await sleep(100);
  t.notOk(isTaken);
  await release();
  await (
    await next
  )();
  t.equal((await run('flock', ['--nonblock', path, 'true'])).status, 0);
});

await t.test('an interrupt gives either the lock or an error, whenever it comes', async (t) => {
  const path = join(t.testdir(), 'lock');
  const outcomes = { taken: 0, refused: 0 };
  for (let delay = 0; delay < 40; delay++) {
    const interrupt = new AbortController();
    const timer = setTimeout(() => {
      interrupt.abort();
    }, delay);
    try {
      const release = await takeLock(path, interrupt.signal);
      const others = await run('flock', ['--nonblock', path, 'true']);
      t.equal(others.status, 1, 'who has it has it');
      outcomes.taken += 1;
      await release();
    } catch (error) {
      t.match(error, { message: /cannot lock/ });
      outcomes.refused += 1;
    }
    clearTimeout(timer);
  }
  t.equal(outcomes.taken + outcomes.refused, 40);
  t.ok(outcomes.refused > 0);
  // A holder that was told to end is gone in a moment.
  await (
    await takeLock(path)
  )();
});
