// SPDX-License-Identifier: GPL-2.0-only
/**
 * Drivers that behave as releases of one regime do and say that they are another, unknown release: libmpu.so
 * must go by what the driver answers.
 */
import t from 'tap';
import { cannotTranslate } from '../nvidia-clients/harness.js';
import { library } from '../preload/library.js';
import { type Regime, regimes, sampleLayout } from './expect.js';
import { type Answer, cannotUnshare, program, Session } from './session.js';

/** A release that exists nowhere, for every branch; the table takes each for one of its regime. */
const RELEASES = ['535.99.01', '545.99.01', '565.99.01', '570.99.01', '570.140.01', '580.999.01', '620.999.01'];

/** The release whose structures the driver has: the simulation's own for the regime. */
const LAYOUTS: Record<Regime, string> = {
  R0: '535.104.12',
  R1: '535.261.03',
  R2: '565.77',
  R3a: '570.124.06',
  R3b: '570.144',
  R4: '580.95.05',
};

for (const regime of regimes) {
  await t.test(`a driver of ${regime}`, { skip: cannotUnshare || (cannotTranslate ?? false) }, async (t) => {
    for (const release of RELEASES) {
      const options = ['--regime', regime, '--driver', release, '--layouts', LAYOUTS[regime], '--accounting', 'on'];
      const session = await Session.start(options);
      await session.run('exec 7</proc/self/ns/pid');
      const container = await session.namespace();
      const strangers = [await session.gpuProcess('--memory 900 --util 20 --encoder 1')];
      const own = [
        await session.gpuProcess('--memory 100 --util 20', container),
        await session.gpuProcess('--memory 200 --clients 2 --encoder 1', container),
        await session.gpuProcess('--memory 300 --thread', container),
      ];
      strangers.push(await session.gpuProcess('--memory 800'));
      const pids = own.map(({ process }) => process.at(-1) ?? 0);
      const asked = [...pids, ...strangers.map(({ global }) => global)];
      const probe = async (request: string): Promise<Answer> => {
        const variables = `LD_PRELOAD=${library('x86_64')} MPU_PIDNS=/proc/self/fd/7`;
        const { output } = await session.run(
          `${session.enter(container)} env ${variables} ${program('probe')} ${request}`,
        );
        return JSON.parse(output) as Answer;
      };
      const sorted = (numbers: number[]): number[] => [...numbers].sort((a, b) => a - b);
      t.same((await probe('pids')).pids, pids, `${release}: GET_PIDS`);
      t.same(
        (await probe(`info 72 ${asked.length} ${asked.join(' ')}`)).entries.map(({ memory }) => memory),
        [100, 200, 300, 0, 0],
        `${release}: memory`,
      );
      const samples = (await probe(`samples ${sampleLayout[regime]}`)).samples.filter(({ util }) => util > 0);
      t.same(
        samples.map(({ pid, pointer }) => [pid, pointer]),
        [[pids[0], false]],
        `${release}: utilization`,
      );
      t.same(sorted((await probe('accounting')).pids), sorted(pids), `${release}: accounting PIDs`);
      for (const pid of asked) {
        const wanted = pids.includes(pid) ? { status: 0, pid } : { status: 0x57 };
        t.match(await probe(`accounting-info ${pid}`), wanted, `${release}: accounting record of ${pid}`);
      }
      t.same((await probe('nvenc')).pids, [pids[1]], `${release}: encoder sessions`);
      await session.stop();
    }
  });
}
