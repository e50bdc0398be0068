// SPDX-License-Identifier: GPL-2.0-only
/** In a guest: examines nvidia.ko itself. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { KernelLog } from '../init/kernel-alarms.js';
import { withDriver } from '../init/load-driver.js';
import type { DriverObservation, DriverPlan, ProbeObservation } from '../init/plan.js';
import { step } from '../init/say.js';

const TRACING = '/sys/kernel/tracing';
const WRONG_OPTIONS = ['regime=R9', 'driver=535', 'layouts=today', 'gpus=9'];
/** Callers at once, and how often each of them is killed in the middle of a call. */
const CALLERS = 4;
const KILLS = 10;

const read = (path: string): string => readFileSync(path, 'utf8').trimEnd();
const loads = (driver: string[]): boolean => spawnSync('insmod', driver).status === 0;
const removes = (): boolean => spawnSync('rmmod', ['nvidia']).status === 0;

/** The functions of nvidia.ko in a list of ftrace's. */
const functionsIn = (text: string, pattern: RegExp): string[] =>
  [...new Set([...text.matchAll(pattern)].map(([, name = '']) => name))].sort();

function ask(program: string, ...request: string[]): unknown {
  return JSON.parse(execFileSync(program, request, { encoding: 'utf8' }));
}

/** One program's answers, and the functions of nvidia.ko that its ioctls came in by. */
function observe(program: string, entries: string[]): ProbeObservation {
  writeFileSync(`${TRACING}/set_ftrace_filter`, entries.join('\n'));
  writeFileSync(`${TRACING}/trace`, '');
  writeFileSync(`${TRACING}/current_tracer`, 'function');
  const pids = ask(program, 'pids', '0x2080');
  const trace = read(`${TRACING}/trace`);
  writeFileSync(`${TRACING}/current_tracer`, 'nop');
  const calledBy = functionsIn(trace, /: (nvidia_\w+) <-/g);
  return { calledBy, pids, codes: ask(program, 'codes'), files: ask(program, 'files') };
}

/** Processes that are killed while they call, several at once. */
async function killCallers(program: string): Promise<void> {
  const caller = async (): Promise<void> => {
    for (let i = 0; i < KILLS; i++) {
      const child = spawn(program, ['spin'], { stdio: 'ignore' });
      await sleep(10 + 7 * i);
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
}

/** Loads nvidia.ko, looks at everything that does not depend on namespaces, and removes it. */
async function examine(path: string, probes: string[]): Promise<DriverObservation> {
  if (!existsSync(`${TRACING}/trace`)) execFileSync('mount', ['-t', 'tracefs', 'tracefs', TRACING]);
  const accepted = WRONG_OPTIONS.filter((option) => loads([path, option]));
  return withDriver([path, 'driver=555.58.02', 'accounting=off'], async () => {
    const control = openSync('/dev/nvidiactl', 'r+');
    const removedWhileOpen = removes();
    closeSync(control);
    const user = spawn('/gpu-process', [], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(user.stdout, 'data');
    const functions = read(`${TRACING}/available_filter_functions`);
    const entries = functionsIn(functions, /^(nvidia_\w*(?:unlocked|compat)_ioctl) \[nvidia\]$/gm);
    const seen = probes.map((program) => observe(program, entries));
    for (const program of probes) await killCallers(program);
    const afterKills = ask(probes[0] ?? '', 'pids', '0x2080');
    user.stdin.end();
    await once(user, 'exit');
    return {
      path,
      accepted,
      removedWhileOpen,
      version: read('/sys/module/nvidia/version'),
      versionFile: read('/proc/driver/nvidia/version'),
      devices: [...read('/proc/devices').matchAll(/^\s*195 (\S+)$/gm)].map(([, name = '']) => name),
      entries,
      probes: seen,
      afterKills,
    };
  });
}

/** Examines each driver. Returns what was seen of those that could be examined. */
export async function examineDrivers({ drivers, probes }: DriverPlan): Promise<DriverObservation[]> {
  const log = new KernelLog();
  const seen: DriverObservation[] = [];
  for (const path of drivers) {
    const observation = await step(`nvidia.ko is examined: ${path}`, () => examine(path, probes));
    if (observation !== undefined) seen.push(observation);
  }
  await step('the kernel log is clean', () => {
    log.check();
  });
  return seen;
}
