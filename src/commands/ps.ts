// SPDX-License-Identifier: GPL-2.0-only
/** `mpu ps`: the GPU processes of this host and the containers they are in. */
import { Option } from 'commander';
import { setTimeout as sleep } from 'node:timers/promises';
import { usageError } from '../lib/errors.js';
import { findGpuProcesses, type GpuProcess, type GpuProcesses } from '../lib/gpu/processes.js';
import { formatTable, type Column } from '../lib/terminal/table.js';
import type { RegisterCommand, Run } from './command.js';

const DESCRIPTION = `List the GPU processes of this host, and the container that each is in.

Inside a container it lists that container's own. Containers are those of docker,
podman, containerd and Kubernetes; their names need root.

With --watch it goes on until it is interrupted; with --json, too, it then prints one
document a line.`;

const EXAMPLES = `
Columns: HOST PID is the number on the host, PID the one in the container. MIB is GPU
memory, SM and MEM are percent of the time. "-" is what the driver does not tell.

<name> is a container's name, id or first digits, POD, NAMESPACE/POD,
NAMESPACE/POD/CONTAINER, or the host PID of a process in it.

Examples:
  mpu ps
  mpu ps --watch 5
  mpu ps --container web
  mpu ps --json | jq '.processes[] | {hostPid, memory}'
  mpu ps --watch --json | jq --unbuffered -c '[.processes[].memory]'

Exit codes: 0 done, also when no process uses a GPU; 1 no such container; 2 usage;
3 no driver, no GPU, or a container that cannot tell its own processes.
`;

const DEFAULT_INTERVAL = 2;
const CLEAR_SCREEN = '\u001b[H\u001b[2J';

interface Flags {
  watch?: string | true;
  container?: string;
}

const COLUMNS: readonly Column[] = [
  { heading: 'GPU', numeric: true },
  { heading: 'HOST PID', numeric: true },
  { heading: 'PID', numeric: true },
  { heading: 'CONTAINER' },
  { heading: 'USER' },
  { heading: 'TYPE' },
  { heading: 'MIB', numeric: true },
  { heading: 'SM', numeric: true },
  { heading: 'MEM', numeric: true },
  { heading: 'COMMAND' },
];

function row({
  gpu,
  uuid,
  hostPid,
  containerPid,
  container,
  user,
  type,
  memory,
  utilization,
  command,
}: GpuProcess): string[] {
  const cells = [
    gpu ?? uuid,
    hostPid,
    containerPid,
    container?.label ?? null,
    user,
    type,
    memory,
    utilization.sm,
    utilization.memory,
    command,
  ];
  return cells.map((cell) => (cell === null ? '-' : String(cell)));
}

/** The list as text; to a terminal no line is longer than it is wide. */
function describe({ processes }: GpuProcesses): string {
  if (processes.length === 0) return 'no process uses a GPU';
  return formatTable(COLUMNS, processes.map(row), process.stdout.isTTY ? process.stdout.columns : Infinity).join('\n');
}

/** Returns a sentence for each thing that makes the list less than the whole. */
function remarks({ unnamedProcesses, warnings }: GpuProcesses): string[] {
  const unnamed =
    unnamedProcesses === 0
      ? []
      : [`${unnamedProcesses} more: nvidia-smi has no permission to name them; run mpu ps as root on the host`];
  return [...unnamed, ...warnings.map((warning) => `nvidia-smi: ${warning}`)];
}

function intervalOf(watch: string | true): number {
  const seconds = watch === true ? DEFAULT_INTERVAL : Number(watch);
  if (Number.isFinite(seconds) && seconds > 0) return seconds;
  throw usageError(
    'cannot watch GPU processes',
    `${JSON.stringify(watch)} is no number of seconds`,
    'mpu ps --watch 2',
  );
}

async function watch(seconds: number, container: string | undefined, { output, signal }: Run): Promise<void> {
  for (;;) {
    const found = await findGpuProcesses({ selector: container, signal }).catch((error: unknown) => {
      // To be interrupted is how it ends.
      if (signal.aborted) return undefined;
      throw error;
    });
    if (found === undefined || signal.aborted) return;
    const clear = process.stdout.isTTY && !output.json ? CLEAR_SCREEN : '';
    output.result(`${clear}${[describe(found), ...remarks(found)].join('\n')}\n`, found);
    await sleep(seconds * 1000, undefined, { signal }).catch(() => undefined);
  }
}

/** Registers `mpu ps`. */
export const registerPs: RegisterCommand = (program, run) => {
  program
    .command('ps')
    .summary('list GPU processes and their containers')
    .description(DESCRIPTION)
    .addOption(new Option('-c, --container <name>', 'only processes of this container').env('MPU_CONTAINER'))
    .addOption(
      new Option('-w, --watch [seconds]', `again and again (default: every ${DEFAULT_INTERVAL} seconds)`).env(
        'MPU_WATCH',
      ),
    )
    .addHelpText('after', EXAMPLES)
    .action(async (flags: Flags) => {
      if (flags.watch !== undefined) {
        run.output.stream();
        await watch(intervalOf(flags.watch), flags.container, run);
        return;
      }
      const found = await findGpuProcesses({ selector: flags.container, signal: run.signal });
      run.output.result(describe(found), found);
      if (!run.output.json) for (const remark of remarks(found)) run.output.note(remark);
    });
};
