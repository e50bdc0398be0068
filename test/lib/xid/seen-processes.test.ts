// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { REMEMBERED_MS, SeenProcesses, type SeenProcess } from '#mpu/lib/xid/seen-processes.js';

const train: SeenProcess = {
  comm: 'train',
  container: { id: 'a', runtime: 'docker', label: 'web' },
  containerPid: 7,
};

void t.test('ten minutes', (t) => {
  let now = 1_000_000;
  const seen = new SeenProcesses(() => now);
  seen.remember(100, 5, train);
  t.match(seen.withPid(100), [train]);
  t.same(seen.withPid(101), []);
  now += REMEMBERED_MS;
  t.match(seen.withPid(100), [train], 'until then');
  now += 1;
  t.same(seen.withPid(100), [], 'and not longer');
  t.end();
});

void t.test('a PID that is reused', (t) => {
  let now = 1_000_000;
  const seen = new SeenProcesses(() => now);
  seen.remember(100, 5, train);
  now += 1000;
  seen.remember(100, 900, { ...train, comm: 'other' });
  t.match(
    seen.withPid(100).map(({ comm }) => comm),
    ['other', 'train'],
    'the latest first',
  );
  now += REMEMBERED_MS - 500;
  seen.add([]);
  t.match(
    seen.withPid(100).map(({ comm }) => comm),
    ['other'],
  );
  t.end();
});

void t.test('what has ended before it could be looked at', (t) => {
  const seen = new SeenProcesses();
  seen.remember(100, 0, train);
  seen.remember(101, 5, { ...train, comm: '' });
  t.same([...seen.withPid(100), ...seen.withPid(101)], []);
  t.end();
});

void t.test('no more than so many', (t) => {
  const seen = new SeenProcesses();
  for (let pid = 1; pid <= 10_010; pid++) seen.remember(pid, 5, train);
  seen.add([]);
  t.same(seen.withPid(10), [], 'the oldest are forgotten');
  t.match(seen.withPid(11), [train]);
  t.end();
});
