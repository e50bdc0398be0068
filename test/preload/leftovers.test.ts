// SPDX-License-Identifier: GPL-2.0-only
/** Ways to leave an ioctl while libmpu.so rewrites its answer, on a slow driver. Nothing of the library stays behind. */
import { existsSync } from 'node:fs';
import t from 'tap';
import { cannotUnshare } from '../rm-sim/session.js';
import { Container, type List, PIDNS } from './container.js';
import { built, library } from './library.js';

const DELAY = 5;
/** KB of memory that one rewrite needs. */
const MEMORY = 100;
/** Rewrites whose memory can be left behind at a time, all in different places of the stack. */
const MEMORIES = 8;
/** For forks: the library's own time counts for less, on a busy machine too. */
const LONG_DELAY = 20;
/** Percent of children. Half of them have a descriptor and memory if those last as long as a call of the driver. */
const MAX_DESCRIPTORS = 15;
const MAX_MEMORY = 3;

const flavours = [
  { name: '64-bit', program: 'leftovers', architecture: 'x86_64', rounds: 400, forks: 150 },
  { name: '32-bit', program: 'leftovers-i386', architecture: 'i386', rounds: 100, forks: 50 },
] as const;

const isList = (document: unknown): document is List =>
  typeof document === 'object' && document !== null && 'pids' in document;

for (const { name, program, architecture, rounds, forks } of flavours) {
  const skip = cannotUnshare || (existsSync(built(program)) ? false : `LOUD SKIP: ${program} is not built`);
  void t.test(name, { skip }, async (t) => {
    const start = async (delay: number): Promise<Container> => {
      const container = await Container.start('R0', ['--delay', `${delay}`]);
      t.teardown(() => container.stop());
      return container;
    };
    const quick = await start(DELAY);

    /** Runs a mode, checks the lists before and after, and returns the counts. */
    const count = async (mode: string, container = quick): Promise<Record<string, number>> => {
      const { documents, rest, code } = await container.run(`${built(program)} ${mode}`, {
        LD_PRELOAD: library(architecture),
        MPU_PIDNS: PIDNS,
      });
      t.equal(code, 0, `${mode}: runs to its end`, { rest });
      const lists = documents.filter(isList);
      t.ok(lists.length > 0, `${mode}: lists`);
      for (const list of lists) t.same(list.pids, container.right(list), `${mode}: the list is right`);
      return (documents.find((document) => !isList(document)) ?? {}) as Record<string, number>;
    };

    await t.test('jumps out of signal handlers', async (t) => {
      const same = await count(`jumps ${rounds}`);
      t.ok((same.jumped ?? 0) > rounds / 2, `${same.jumped} of ${rounds} calls were left by a jump`);
      t.equal(same.descriptors, 0, 'no descriptor is left');
      t.ok((same.memory ?? Infinity) <= MEMORY, `${same.memory} KB are left, at most one rewrite's memory`);

      const depths = await count(`depths ${rounds / 2}`);
      t.ok((depths.jumped ?? 0) > rounds / 4, `${depths.jumped} of ${rounds / 2} calls from many depths`);
      t.equal(depths.descriptors, 0, 'no descriptor is left');
      t.ok((depths.memory ?? Infinity) <= MEMORIES * MEMORY, `${depths.memory} KB are left, which is bounded`);
    });

    await t.test('asynchronous cancellation', async (t) => {
      const { cancelled, descriptors, memory = Infinity } = await count(`cancels ${rounds / 4}`);
      t.equal(cancelled, rounds / 4, 'every thread was cancelled');
      t.equal(descriptors, 0, 'no descriptor is left');
      t.ok(memory <= MEMORY, `${memory} KB are left, at most one rewrite's memory`);
    });

    await t.test('signals that the caller has blocked', async (t) => {
      t.same(await count('pending'), { sent: 7, waiting: 7 }, 'stay blocked, those of faults too');
    });

    await t.test('forks while another thread lists', async (t) => {
      const {
        children,
        descriptors = Infinity,
        memory = Infinity,
      } = await count(`forks ${forks}`, await start(LONG_DELAY));
      t.equal(children, forks, 'children');
      const most = (percent: number): number => Math.ceil((forks * percent) / 100);
      t.ok(descriptors <= most(MAX_DESCRIPTORS), `${descriptors} of ${forks} have a descriptor (docs/limits.md)`);
      t.ok(memory <= most(MAX_MEMORY), `${memory} of ${forks} have memory`);
    });

    await t.test('handlers that list, and handlers that fork', async (t) => {
      const { handled = 0, ...found } = await count(`handlers ${rounds / 4}`);
      t.ok(handled > rounds / 8, `${handled} handlers ran`);
      t.same(found, { wrong: 0, descriptors: 0, memory: 0, mask: 1 }, 'every list is right and the mask is as it was');
    });

    await t.test('handlers whose children have the same PID in a PID namespace of their own', async (t) => {
      const { handled = 0, wrong } = await count(`nested ${rounds / 4}`);
      t.ok(handled > rounds / 8, `${handled} handlers ran`);
      t.equal(wrong, 0, 'every child that jumped out and listed came to its end');
    });
  });
}

void t.test('a signal ends the program while the library queries the driver', { skip: cannotUnshare }, async (t) => {
  const container = await Container.start('R0', ['--delay', '200']);
  t.teardown(() => container.stop());
  const { documents, rest } = await container.run(`${built('leftovers')} ends`, {
    LD_PRELOAD: library('x86_64'),
    MPU_PIDNS: PIDNS,
  });
  const { signal, time = Infinity, whole = 0 } = (documents[0] ?? {}) as Record<string, number>;
  t.equal(signal, 14, 'SIGALRM', { rest });
  t.ok(whole > 400_000, `a list takes ${whole} us, two calls of the driver`);
  t.ok(time < whole * 0.9, `it ended after ${time} us, before the second call returned`);
});
