// SPDX-License-Identifier: GPL-2.0-only
/**
 * PID 1 of a guest with node: carries out /plan.json. Its lines are those that test/guest/harness/guest.ts reads; the outcomes go to
 * the guest's disk as JSON.
 */
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { queryModule } from '#mpu/lib/translator.js';
import { playScenario } from '../../nvidia-clients/play-scenario.js';
import { setLayouts, withDriver } from './load-driver.js';
import { examineDriver } from '../cases/examine-driver.js';
import type { Counters, GuestOutcome, GuestPlan, Play, PlayOutcome } from '../harness/plan.js';

process.env.PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
const power = spawn('/power-off', { stdio: ['pipe', 'inherit', 'inherit'] });
let cases = 0;

const say = (line: string): void => {
  writeSync(1, `mpu-guest: ${line}\n`);
};

/** Runs a step and says how it went; one that fails does not end the guest. */
async function step<T>(name: string, body: () => Promise<T> | T): Promise<T | undefined> {
  try {
    const value = await body();
    say(`ok ${++cases} - ${name}`);
    return value;
  } catch (error) {
    writeSync(1, `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    say(`not ok ${++cases} - ${name}`);
    return undefined;
  }
}

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

const ALARMS =
  /WARNING:|BUG:|Oops|Call Trace|refcount_t:|protection fault|stall|use-after-free|scheduling while|suspicious RCU/;

/** Lines of the kernel log that should not be there. */
function alarms(): string[] {
  const log = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK);
  const record = Buffer.alloc(8192);
  const found: string[] = [];
  try {
    for (;;) {
      const text = record.toString('utf8', 0, readSync(log, record));
      if (ALARMS.test(text)) found.push(text);
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
  } finally {
    closeSync(log);
  }
  return found;
}

const mounts = { proc: '/proc', sysfs: '/sys', devtmpfs: '/dev' };
for (const [type, place] of Object.entries(mounts)) {
  mkdirSync(place, { recursive: true });
  execFileSync('mount', ['-t', type, type, place]);
}
say('init');
const plan = JSON.parse(readFileSync('/plan.json', 'utf8')) as GuestPlan;
const outcome: GuestOutcome = { drivers: [], plays: [] };
const { examine, module, withModule, withoutModule } = plan;
for (const driver of examine?.drivers ?? []) {
  const seen = await step(`examined ${driver}`, async () => examineDriver(driver, examine?.probes ?? []));
  if (seen !== undefined) outcome.drivers.push(seen);
}
const playAll = async (plays: Play[], loaded: boolean): Promise<void> => {
  for (const play of plays) {
    const played = await step(play.name, async () => perform(play, loaded));
    if (played !== undefined) outcome.plays.push(played);
  }
};
await playAll(withoutModule, false);
await step('mpu.ko loads', () => execFileSync('insmod', module));
await playAll(withModule, true);
await step('mpu.ko unloads', () => execFileSync('rmmod', ['mpu']));
await step('the kernel log is clean', () => {
  const found = alarms();
  if (found.length > 0) throw new Error(found.join(''));
});
writeFileSync('/dev/nvme0n1', `${JSON.stringify(outcome)}\n`);
say(`done ${cases}`);
power.stdin.end();
