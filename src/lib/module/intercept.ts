// SPDX-License-Identifier: GPL-2.0-only
/** Switching the interception of the loaded mpu.ko: whether it rewrites the driver's answers in the kernel. */
import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { ExitCode, MpuError, errnoName, messageOf } from '../errors.js';
import { queryModule, type ModuleState } from '../translator.js';
import type { Host } from '../system/host.js';
import { foreignModule, loadedModule, type Query } from './loaded-module.js';

const PARAMETER = '/sys/module/mpu/parameters/intercept';

/** Milliseconds to wait for calls to leave the driver, and between two looks. */
const DRAIN_MS = 10_000;
const LOOK_MS = 100;

/** What became of a request to switch. */
export interface InterceptResult {
  outcome: 'switched' | 'unchanged';
  intercept: ModuleState['intercept'];
  /** Why it does not intercept although it should. */
  reason?: string;
}

/** States in which it is asked for. */
const WANTED: readonly ModuleState['intercept'][] = ['on', 'waiting', 'blocked'];

/** Why the kernel refuses, by the error of writing the parameter (kernel/intercept.c). */
const REFUSALS: Partial<Record<string, [why: string, next: string, exitCode: number]>> = {
  EOPNOTSUPP: [
    'this kernel is built without the ftrace that can redirect functions (CONFIG_DYNAMIC_FTRACE_WITH_REGS or _ARGS)',
    'inject libmpu.so into the images instead: mpu inject IMAGE',
    ExitCode.hostUnsupported,
  ],
  EBUSY: [
    "somebody else redirects nvidia.ko's ioctl entry, such as a live patch, or ftrace is switched off",
    'see ls /sys/kernel/livepatch and sysctl kernel.ftrace_enabled, then run it again',
    ExitCode.failed,
  ],
  EAGAIN: ["another tracer of nvidia.ko's ioctl entry is just being attached", 'run it again', ExitCode.failed],
  ENODEV: [
    "this kernel's ftrace has shut itself down after a fault",
    'look for the fault in dmesg and restart this machine',
    ExitCode.failed,
  ],
  ESHUTDOWN: ['mpu.ko is being unloaded', 'run mpu module load --intercept once it is gone', ExitCode.failed],
  EINVAL: [
    'ftrace does not know an ioctl entry in this nvidia.ko',
    'inject libmpu.so into the images instead: mpu inject IMAGE',
    ExitCode.hostUnsupported,
  ],
};

/** The error of a kernel that does not switch. */
export function interceptRefusal(what: string, error: unknown): MpuError {
  const name = errnoName(error) ?? '';
  if (name === 'EACCES' || name === 'EPERM' || name === 'EROFS') {
    const next = process.getuid?.() === 0 ? 'run it on the host' : 'run it with sudo';
    return new MpuError({
      code: 'permission-denied',
      what,
      why: messageOf(error),
      next,
      exitCode: ExitCode.permission,
      cause: error,
    });
  }
  const [why, next, exitCode] = REFUSALS[name] ?? [messageOf(error), 'look for lines of mpu in dmesg', ExitCode.failed];
  return new MpuError({ code: 'intercept-refused', what, why, next, exitCode, cause: error });
}

async function answerOf(host: Host, what: string, query: Query): Promise<ModuleState> {
  const { owner, answer } = await loadedModule(host, query);
  if (answer !== undefined) return answer;
  if (owner === 'foreign') throw foreignModule(what);
  if (owner === 'none') {
    throw new MpuError({
      code: 'not-loaded',
      what,
      why: 'mpu.ko is not loaded',
      next: `sudo mpu module load --intercept${host.flags}`,
    });
  }
  // Says what kept it from being asked.
  const late = await query();
  if (late === undefined) throw foreignModule(what);
  return late;
}

function resultOf(outcome: InterceptResult['outcome'], { intercept, interceptReason }: ModuleState): InterceptResult {
  return { outcome, intercept, ...(interceptReason === undefined ? {} : { reason: interceptReason }) };
}

/** Whether the loaded module intercepts. Throws an MpuError, `not-loaded` among others. */
export async function interceptStatus(host: Host, query: Query = queryModule): Promise<InterceptResult> {
  return resultOf('unchanged', await answerOf(host, 'cannot tell whether mpu.ko intercepts', query));
}

/**
 * Switches it on or off, until the module is unloaded. Before nvidia.ko is loaded, on means: as soon as it is. Throws an
 * MpuError: `not-loaded`, `permission-denied`, or `intercept-refused` where this kernel cannot do it now.
 */
export async function switchIntercept(host: Host, on: boolean, query: Query = queryModule): Promise<InterceptResult> {
  const what = `cannot switch interception ${on ? 'on' : 'off'}`;
  const before = await answerOf(host, what, query);
  const done = on ? before.intercept === 'on' || before.intercept === 'waiting' : !WANTED.includes(before.intercept);
  if (done) return resultOf('unchanged', before);
  try {
    await writeFile(host.kernelFile(PARAMETER), on ? '1' : '0');
  } catch (error) {
    // It may have gone meanwhile, and says that then.
    await answerOf(host, what, query);
    throw interceptRefusal(what, error);
  }
  return resultOf('switched', await answerOf(host, what, query));
}

/**
 * Switches it off and waits for the calls that are being looked after, so that unloading does not have to. Throws an
 * MpuError, `module-busy`, when one does not come back from the driver.
 */
export async function drainIntercept(host: Host, what: string, query: Query = queryModule): Promise<void> {
  const { answer } = await loadedModule(host, query);
  if (answer === undefined) return;
  // Calls of before it was switched off may still sleep.
  if (WANTED.includes(answer.intercept)) await switchIntercept(host, false, query);
  for (let waited = 0; waited < DRAIN_MS; waited += LOOK_MS) {
    const state = await query();
    if ((state?.counters?.inFlight ?? 0) === 0) return;
    await delay(LOOK_MS);
  }
  throw new MpuError({
    code: 'module-busy',
    what,
    why: 'a process in a container sleeps in the NVIDIA driver, in a call that mpu.ko looks after; interception is off now',
    next: 'end that process, or run it again later',
  });
}
