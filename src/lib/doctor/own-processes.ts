// SPDX-License-Identifier: GPL-2.0-only
/** The GPU processes of a container and their memory, as programs in it must be told of them. */
import { MpuError } from '../errors.js';
import { findGpuProcesses, type GpuProcess } from '../gpu/processes.js';
import { info, ok, type Check, type Finding } from './check.js';
import type { ContainerContext } from './container-context.js';

/** Returns the finding for a container's GPU processes. */
export function describeOwn(processes: readonly Pick<GpuProcess, 'hostPid' | 'containerPid' | 'memory'>[]): Finding {
  if (processes.length === 0) return info('none of its processes uses a GPU');
  const rows = processes.map(
    ({ hostPid, containerPid, memory }) =>
      `PID ${containerPid ?? hostPid} with ${memory === null ? 'memory that the driver does not tell' : `${memory} MiB`}`,
  );
  return ok(`a program in it must be told of ${rows.join(', ')}`);
}

/** For a container that is looked at from the host: the same answer as of examples/own_gpu_memory.py in it. */
export const OWN_PROCESSES_CHECK: Check<ContainerContext> = {
  id: 'own-processes',
  title: 'GPU processes',
  applies: ({ init, driver }) => init !== undefined && driver !== undefined,
  run: async ({ init }) => {
    try {
      return describeOwn((await findGpuProcesses({ selector: String(init) })).processes);
    } catch (error) {
      if (error instanceof MpuError) return info(`not known: ${error.why}`, error.next);
      throw error;
    }
  },
};
