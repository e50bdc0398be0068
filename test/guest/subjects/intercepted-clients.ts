// SPDX-License-Identifier: GPL-2.0-only
/**
 * nvidia-smi in a container that nothing has been put into, with interception. On one kernel in every regime, and with
 * libmpu.so besides; on the others, for time's sake, each release in regimes that it has met, and without libmpu.so. What
 * kernels differ in is how the driver's function is redirected, and the subject `interception` goes through all regimes on each.
 */
import type { Test } from 'tap';
import type { NvidiaClient } from '#mpu/lib/nvidia-clients/nvidia-clients.js';
import { View } from '../../nvidia-clients/expect.js';
import { REGIMES, type Regime } from '../../nvidia-clients/harness.js';
import { leaks } from '../../nvidia-clients/outside.js';
import type { ClientCommand } from '../../nvidia-clients/scenario.js';
import { smiChecks, smiCommands } from '../../nvidia-clients/smi.js';
import { WORLD } from '../../nvidia-clients/world.js';
import { IN_GUEST, NODE_TOOLS, guestClients } from '../harness/node-userland.js';
import type { Subject } from '../harness/subject.js';
import type { Play, PlayOutcome } from '../init/plan.js';
import { buildModules } from './smi-plays.js';

/** By release: its own, and those of drivers that it may be used with. */
const REGIMES_MET: readonly (readonly Regime[])[] = [['R0'], ['R0', 'R1'], ['R1', 'R4']];

interface Planned extends Play {
  regime: Regime;
  client: NvidiaClient;
}

function plan(regime: Regime, client: NvidiaClient, withLibrary: boolean): Planned {
  const commands = smiCommands(IN_GUEST.smi(client), { LD_LIBRARY_PATH: IN_GUEST.libraries(client) });
  const preloaded = commands.map((command): ClientCommand => ({ ...command, preload: IN_GUEST.libmpu }));
  const entry = regime === 'R0' || regime === 'R1' ? 'frontend' : 'unlocked';
  return {
    name: `nvidia-smi ${client.version}, ${regime}`,
    regime,
    client,
    driver: [IN_GUEST.driver(entry), `regime=${regime}`, `layouts=${client.version}`, 'gpus=2'],
    scenario: {
      gpuProcess: IN_GUEST.gpuProcess,
      nsfs: false,
      world: WORLD,
      commands: withLibrary ? [...commands, ...preloaded] : commands,
    },
  };
}

async function checkOutcome(t: Test, { regime, client, scenario }: Planned, outcome: PlayOutcome): Promise<void> {
  const { processes, results } = outcome;
  t.equal(results.length, scenario.commands.length, 'every command ran');
  for (const { label, preloaded, status, stdout, stderr } of results) {
    await t.test(`${preloaded ? 'with' : 'without'} libmpu.so: ${label}`, (t) => {
      t.equal(status, 0, 'exit status', { stdout, stderr });
      smiChecks[label]?.(t, stdout, new View(regime, true, processes), client.version);
      t.same(leaks(stdout, processes), [], 'nothing of the outside', { output: stdout });
      t.end();
    });
  }
}

/** How many plays there are in all, for a loop that runs over nothing tests nothing. */
const PLAYS = { all: 18, some: 5 };

/** All of it, or what differs by kernel. */
export const interceptedClients = (extent: keyof typeof PLAYS): Subject => ({
  name: 'intercepted nvidia-smi',
  tools: NODE_TOOLS,
  node: true,
  prepare: async (kernel) => {
    const clients = await guestClients();
    const withModule = clients.flatMap((client, release) =>
      (extent === 'all' ? REGIMES : (REGIMES_MET[release] ?? [])).map((regime) =>
        plan(regime, client, extent === 'all'),
      ),
    );
    return {
      ...(await buildModules(kernel)),
      tasks: [{ subject: 'intercepted-clients', timeout: 1_200, cases: PLAYS[extent] + 3 }],
      plan: {
        'intercepted-clients': { module: [IN_GUEST.module, 'intercept=1'], withModule, withoutModule: [] },
      },
      check: async (t, { outcomeOf }) => {
        t.equal(withModule.length, PLAYS[extent], 'plays');
        const outcomes = (outcomeOf('intercepted-clients') ?? []) as PlayOutcome[];
        for (const play of withModule) {
          await t.test(play.name, async (t) => {
            const outcome = outcomes.find(({ name }) => name === play.name);
            if (outcome === undefined) t.fail('it was not played');
            else await checkOutcome(t, play, outcome);
          });
        }
      },
    };
  },
});
