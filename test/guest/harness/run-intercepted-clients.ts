// SPDX-License-Identifier: GPL-2.0-only
/**
 * nvidia-smi in a container that nothing has been put into, with interception. On one kernel in every regime, and with
 * libmpu.so besides; on the others, for time's sake, each release in regimes that it has met, and without libmpu.so. What
 * kernels differ in is how the driver's function is redirected, and run-interception.ts goes through all regimes on each.
 */
import t, { type Test } from 'tap';
import { View } from '../../nvidia-clients/expect.js';
import { CACHE, LIBMPU, REGIMES, type Regime } from '../../nvidia-clients/harness.js';
import { leaks } from '../../nvidia-clients/outside.js';
import type { ClientCommand } from '../../nvidia-clients/scenario.js';
import { smiChecks, smiCommands } from '../../nvidia-clients/smi.js';
import { WORLD } from '../../nvidia-clients/world.js';
import { fetchNvidiaClients, type NvidiaClient } from '#mpu/lib/nvidia-clients/nvidia-clients.js';
import { lacking } from '../../support/engines.js';
import { kernelOf, type Kernel, type Series } from './kernels.js';
import type { Play, PlayOutcome } from './plan.js';
import { IN_GUEST, playInGuest } from './play-in-guest.js';

/** Releases on the two sides of each change that nvidia-smi itself saw. */
const RELEASES = ['470.256', '535.261', '550.163'];
const LIBMPU_IN_GUEST = '/usr/lib/mpu/libmpu.so';
/** By release: its own, and those of drivers that it may be used with. */
const REGIMES_MET: readonly (readonly Regime[])[] = [['R0'], ['R0', 'R1'], ['R1', 'R4']];
/** Milliseconds for one kernel, a slow download included. */
const LIMIT = 850_000;

interface Planned extends Play {
  regime: Regime;
  client: NvidiaClient;
}

function plan(regime: Regime, client: NvidiaClient, withLibrary: boolean): Planned {
  const commands = smiCommands(IN_GUEST.smi(client), { LD_LIBRARY_PATH: IN_GUEST.libraries(client) });
  const preloaded = commands.map((command): ClientCommand => ({ ...command, preload: LIBMPU_IN_GUEST }));
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

/** Plays nvidia-smi in containers on a kernel with interception. */
export async function checkInterceptedClients(t: Test, kernel: Kernel, extent: 'all' | 'some'): Promise<void> {
  const clients = await fetchNvidiaClients(CACHE, RELEASES);
  const withModule = clients.flatMap((client, release) =>
    (extent === 'all' ? REGIMES : (REGIMES_MET[release] ?? [])).map((regime) => plan(regime, client, extent === 'all')),
  );
  t.equal(withModule.length, extent === 'all' ? RELEASES.length * REGIMES.length : 5, 'plays');
  const { warnings, guest, outcomes } = await playInGuest(
    kernel,
    { module: [IN_GUEST.module, 'intercept=1'], withModule, withoutModule: [] },
    clients,
    { [LIBMPU_IN_GUEST]: LIBMPU },
  );
  t.same(warnings, [], 'the modules build without warnings');
  for (const { name, ok } of guest.cases) t.ok(ok, name);
  if (!t.ok(guest.finished, 'the guest ended by its own will')) t.comment(guest.ending);
  for (const play of withModule) {
    await t.test(play.name, async (t) => {
      const outcome = outcomes.find(({ name }) => name === play.name);
      if (outcome === undefined) t.fail('it was not played');
      else await checkOutcome(t, play, outcome);
    });
  }
}

/** Defines and runs the test of a kernel: all of it, or what differs by kernel. Downloads the kernel when it is not in the cache. */
export async function testInterceptedClients(series: Series, extent: 'all' | 'some'): Promise<void> {
  const skip = await lacking(['qemu-system-x86_64', 'make', 'gcc', 'insmod', 'setpriv', 'cpio']);
  t.setTimeout(LIMIT);
  await t.test(`intercepted nvidia-smi on Linux ${series}`, { skip, timeout: LIMIT }, async (t) =>
    checkInterceptedClients(t, await kernelOf(series), extent),
  );
}
