// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { rollBackOnFailure } from '#mpu/lib/system/rollback.js';

await t.test('changes are taken back, last first', async (t) => {
  const done: string[] = [];
  const step =
    (name: string): (() => Promise<void>) =>
    () => {
      done.push(name);
      return name === 'second' ? Promise.reject(new Error('cannot')) : Promise.resolve();
    };
  await t.rejects(
    rollBackOnFailure((undo) => {
      for (const name of ['first', 'second', 'third']) undo.push(step(name));
      return Promise.reject(new Error('failed'));
    }),
    { message: 'failed' },
  );
  t.same(done, ['third', 'second', 'first']);
  t.equal(await rollBackOnFailure(() => Promise.resolve(7)), 7);
});
