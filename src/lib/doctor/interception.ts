// SPDX-License-Identifier: GPL-2.0-only
/** Whether mpu.ko rewrites the driver's answers, and in words why it does not. */
import { readIfPresent } from '../system/regular-file.js';
import type { ModuleState } from '../translator.js';
import { info, ok, warn, type Finding } from './check.js';

/** What libmpu.so reads for the same purpose: `on` or `off`, and since when. */
const INTERCEPTING = '/sys/module/mpu/parameters/intercepting';

/** For where netlink is refused: whether it does, by what it says in /sys. */
export async function interceptsBySysfs(): Promise<boolean> {
  return /^on\b/.test((await readIfPresent(INTERCEPTING)) ?? '');
}

/** What may help where the kernel refuses, by its reason (kernel/intercept.c). */
const afterRefusal = (reason: string | undefined): string =>
  reason?.includes('somebody else') === true
    ? 'see ls /sys/kernel/livepatch and sysctl kernel.ftrace_enabled, then: sudo mpu module intercept on'
    : 'mpu inject IMAGE, which does without';

/** What a host's interception is. */
export function interceptionFinding({
  intercept,
  interceptReason,
}: Pick<ModuleState, 'intercept' | 'interceptReason'>): Finding {
  const reason = interceptReason === undefined ? '' : `: ${interceptReason}`;
  switch (intercept) {
    case 'on':
      return ok('on: containers are right without libmpu.so');
    case 'off':
      return info(
        'off: containers are right with libmpu.so',
        'sudo mpu module intercept on, for them to be right without',
      );
    case 'waiting':
      return info(`asked for, and begins when it can${reason}; until then containers are right with libmpu.so`);
    case 'blocked':
      return warn(
        `asked for, and refused${reason}; containers are right with libmpu.so alone`,
        afterRefusal(interceptReason),
      );
    case 'absent':
      return info(`this mpu.ko cannot${reason}; containers are right with libmpu.so`);
    case 'unknown':
      return warn(
        'in a state that this version of mpu does not know',
        'sudo mpu module load, for mpu.ko to be of this version',
      );
  }
}
