// SPDX-License-Identifier: GPL-2.0-only
/** nvidia-smi in a container, with libmpu.so and mpu.ko, and without. */
import { IN_GUEST, NODE_TOOLS, guestClients } from '../harness/node-userland.js';
import type { Subject } from '../harness/subject.js';
import type { PlayOutcome } from '../init/plan.js';
import { buildModules, checkSmiPlay, REGIMES_SHOWN, smiCommandsInGuest, smiPlay } from './smi-plays.js';

export const clients: Subject = {
  name: 'nvidia-smi with libmpu.so',
  tools: NODE_TOOLS,
  node: true,
  prepare: async (kernel) => {
    const commands = smiCommandsInGuest(await guestClients());
    const preloaded = commands.map((command) => ({ ...command, preload: IN_GUEST.libmpu }));
    const withoutModule = [smiPlay('R0', preloaded, 'R0, no mpu.ko')];
    const withModule = REGIMES_SHOWN.map((regime) => smiPlay(regime, [...commands, ...preloaded]));
    return {
      ...(await buildModules(kernel)),
      tasks: [{ subject: 'clients', timeout: 1_200, cases: withoutModule.length + withModule.length + 3 }],
      plan: { clients: { module: [IN_GUEST.module], withoutModule, withModule } },
      check: async (t, { outcomeOf }) => {
        const outcomes = (outcomeOf('clients') ?? []) as PlayOutcome[];
        // libmpu.so finds no other way to translate there than mpu.ko: what it cannot ask, it leaves alone.
        for (const play of withoutModule) {
          await t.test(play.name, async (t) => checkSmiPlay(t, play, outcomes, () => false));
        }
        for (const play of withModule) {
          await t.test(play.name, async (t) => {
            await checkSmiPlay(t, play, outcomes, (preloaded) => preloaded);
            const { counters } = outcomes.find(({ name }) => name === play.name) ?? {};
            t.ok((counters?.requests ?? 0) > 0, 'mpu.ko was asked', { counters });
          });
        }
      },
    };
  },
};
