// SPDX-License-Identifier: GPL-2.0-only
/** In a guest: scenarios of test/nvidia-clients under nvidia.ko, without mpu.ko and with it. */
import { execFileSync } from 'node:child_process';
import { queryModule } from '#mpu/lib/translator.js';
import { playScenario } from '../../nvidia-clients/play-scenario.js';
import { KernelLog } from '../init/kernel-alarms.js';
import { setLayouts, withDriver } from '../init/load-driver.js';
import type { Counters, Play, PlayOutcome, PlayPlan } from '../init/plan.js';
import { step } from '../init/say.js';

async function counters(): Promise<Counters> {
  const state = await queryModule();
  if (state?.counters === undefined) throw new Error('mpu.ko tells no counters');
  return state.counters;
}

async function perform(play: Play, module: boolean): Promise<PlayOutcome> {
  return withDriver(play.driver, async () => {
    const before = module ? await counters() : undefined;
    const outcome = await playScenario(play.scenario, setLayouts);
    if (before === undefined) return { name: play.name, ...outcome };
    const { requests, pids, hidden } = await counters();
    const asked = { requests: requests - before.requests, pids: pids - before.pids, hidden: hidden - before.hidden };
    return { name: play.name, ...outcome, counters: asked };
  });
}

/** Carries out a plan. Returns the outcomes of the plays that could be played. */
export async function playAll({ module, withModule, withoutModule }: PlayPlan): Promise<PlayOutcome[]> {
  const log = new KernelLog();
  const outcomes: PlayOutcome[] = [];
  const play = async (plays: Play[], loaded: boolean): Promise<void> => {
    for (const each of plays) {
      const outcome = await step(each.name, () => perform(each, loaded));
      if (outcome !== undefined) outcomes.push(outcome);
    }
  };
  await play(withoutModule, false);
  await step('mpu.ko loads', () => execFileSync('insmod', module));
  await play(withModule, true);
  await step('mpu.ko unloads', () => execFileSync('rmmod', ['mpu']));
  await step('the kernel log is clean', () => {
    log.check();
  });
  return outcomes;
}
