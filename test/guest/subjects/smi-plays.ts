// SPDX-License-Identifier: GPL-2.0-only
/** nvidia-smi in a container of a guest: what is played, and what must come of it. */
import type { Test } from 'tap';
import type { NvidiaClient } from '#mpu/lib/nvidia-clients/nvidia-clients.js';
import { View } from '../../nvidia-clients/expect.js';
import type { Regime } from '../../nvidia-clients/harness.js';
import { leaks } from '../../nvidia-clients/outside.js';
import type { ClientCommand } from '../../nvidia-clients/scenario.js';
import { smiChecks, smiCommands } from '../../nvidia-clients/smi.js';
import { WORLD } from '../../nvidia-clients/world.js';
import { buildModule } from '../harness/build.js';
import type { Kernel } from '../harness/kernels.js';
import { IN_GUEST } from '../harness/node-userland.js';
import { buildDrivers } from '../harness/nvidia-driver.js';
import type { Play, PlayOutcome } from '../init/plan.js';

/** The regimes, but for R3b: it differs from R3a in accounting alone, which nvidia-smi does not show. */
export const REGIMES_SHOWN = ['R0', 'R1', 'R2', 'R3a', 'R4'] as const;

/** A play whose commands are nvidia-smi's. */
export interface SmiPlay extends Play {
  regime: Regime;
}

/** Every command of every release, on a driver with the structures of that release. */
export const smiCommandsInGuest = (clients: readonly NvidiaClient[]): ClientCommand[] =>
  clients.flatMap((client) =>
    smiCommands(IN_GUEST.smi(client), { LD_LIBRARY_PATH: IN_GUEST.libraries(client) }).map((command) => ({
      ...command,
      layouts: client.version,
    })),
  );

/** The world of test/nvidia-clients under a driver of a regime, with these commands in its container A. */
export function smiPlay(regime: Regime, commands: ClientCommand[], name: string = regime): SmiPlay {
  // As the releases of these regimes are built.
  const entry = regime === 'R0' || regime === 'R1' ? 'frontend' : 'unlocked';
  return {
    name,
    regime,
    driver: [IN_GUEST.driver(entry), `regime=${regime}`, 'gpus=2'],
    scenario: { gpuProcess: IN_GUEST.gpuProcess, nsfs: false, world: WORLD, commands },
  };
}

/**
 * Compares what a play's commands printed with what the regime says, or with the truth.
 *
 * @param translated - whether a command is to print the truth, by whether libmpu.so was preloaded
 */
export async function checkSmiPlay(
  t: Test,
  { name, regime, scenario: { commands } }: SmiPlay,
  outcomes: readonly PlayOutcome[],
  translated: (preloaded: boolean) => boolean,
): Promise<void> {
  const outcome = outcomes.find((candidate) => candidate.name === name);
  if (outcome === undefined) {
    t.fail('it was not played');
    return;
  }
  t.equal(outcome.results.length, commands.length, 'every command ran');
  for (const [index, { label, preloaded, status, stdout, stderr }] of outcome.results.entries()) {
    const version = commands[index]?.layouts ?? '';
    const how = preloaded ? 'with' : 'without';
    await t.test(`nvidia-smi ${version} ${how} libmpu.so: ${label}`, (t) => {
      const truth = translated(preloaded);
      t.equal(status, 0, 'exit status', { stdout, stderr });
      smiChecks[label]?.(t, stdout, new View(regime, truth, outcome.processes), version);
      if (truth) t.same(leaks(stdout, outcome.processes), [], 'nothing of the outside', { output: stdout });
      t.end();
    });
  }
}

/** Builds the modules that plays load. */
export async function buildModules(kernel: Kernel): Promise<{ files: Record<string, string>; warnings: string[] }> {
  const { files, warnings } = await buildDrivers(kernel);
  return { files, warnings: [...(await buildModule(kernel)).warnings, ...warnings] };
}
