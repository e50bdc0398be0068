// SPDX-License-Identifier: GPL-2.0-only
/**
 * A GPU shared by two tenants, simulated: one process of somebody else on the host, and a container (or just a PID
 * namespace) with two processes of its own, in which the real nvidia-smi runs with and without mpu.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ExitCode, MpuError } from '../errors.js';
import type { NvidiaClient } from '../nvidia-clients/nvidia-clients.js';
import { packageRoot } from '../package/root.js';
import { runProcess } from '../system/run-process.js';

/** The programs of the simulation, built by scripts/bootstrap.sh. */
export const SIMULATION = {
  rm: join(packageRoot, 'build', 'test', 'rm-sim', 'rm-sim'),
  process: join(packageRoot, 'build', 'test', 'rm-sim', 'gpu-process'),
} as const;

/**
 * Throws an MpuError where the simulation has not been built. Packages hold none of it: it is built, and keeps what it
 * downloads, in a clone of the repository.
 */
export function requireSimulation(): void {
  if (Object.values(SIMULATION).every((program) => existsSync(program))) return;
  const isClone = existsSync(join(packageRoot, 'scripts', 'bootstrap.sh'));
  throw new MpuError({
    code: 'demo-not-built',
    what: 'cannot show the demo',
    why: isClone
      ? 'the simulated driver has not been built'
      : 'the simulated driver is not part of packages: the demo needs a clone of the repository of mpu',
    next: isClone ? `npm --prefix ${packageRoot} run demo` : 'npm run demo, in a clone of the repository',
    exitCode: ExitCode.hostUnsupported,
  });
}

/** How each side is run: a command line that ends where the script to run inside follows. */
export interface Runner {
  /** Command line that the simulated driver is run with; empty for none. */
  around: readonly string[];
  /** Shell commands before anything else, in the host's namespaces. */
  prepare: string;
  /** Runs `sh -c SCRIPT` inside, without mpu. */
  before: readonly string[];
  /** The same with mpu. */
  after: readonly string[];
}

/** What one side saw. */
export interface View {
  /** The processes that run inside, by their PIDs there. */
  processes: Record<string, number>;
  /** What nvidia-smi printed. */
  table: string;
  /** What `nvidia-smi pmon` printed. */
  monitor: string;
}

/** Both sides of one regime. */
export interface Comparison {
  before: View;
  after: View;
}

/** Quotes an argument for sh. */
export function shellQuote(argument: string): string {
  return `'${argument.replaceAll("'", `'\\''`)}'`;
}

/** Starts a simulated GPU process and waits until it is there. It ends with the shell, which holds the pipe open. */
const start = (command: string, options: string): string =>
  `${command} ${options} <"$dir/hold" >"$dir/${command}" 3>&- &
until [ -s "$dir/${command}" ]; do kill -0 $! || exit 1; sleep 0.02; done`;

const SETUP = `set -e
dir=$(mktemp -d)
mkfifo "$dir/hold"
exec 3<>"$dir/hold"`;

const INSIDE = `${SETUP}
${start('train', '--memory 8192 --util 35,20 --clients 2')}
${start('serve', '--memory 2048 --util 15,9 --thread')}
echo "#side"
cd "$dir"
grep -H ready train serve
echo "#table"
nvidia-smi
echo "#monitor"
nvidia-smi pmon -c 1 -s um
`;

function views(output: string): View[] {
  return output
    .split('#side\n')
    .slice(1)
    .map((side) => {
      const [ready = '', printed = ''] = side.split('#table\n');
      const [table = '', monitor = ''] = printed.split('#monitor\n');
      const processes = [...ready.matchAll(/^(\w+):ready (\d+)$/gm)].map(([, name = '', pid]) => [name, Number(pid)]);
      return { processes: Object.fromEntries(processes) as Record<string, number>, table, monitor };
    });
}

/**
 * Plays one regime with a runner, with a driver of that regime that has the structures which `client` asks for.
 *
 * @param programs - directory in which the simulated processes lie under their names
 * @throws MpuError with what the programs said when they fail.
 */
export async function compare(
  regime: string,
  client: NvidiaClient,
  runner: Runner,
  programs: string,
): Promise<Comparison> {
  const run = (command: readonly string[]): string => [...command, 'sh', '-c', INSIDE].map(shellQuote).join(' ');
  const script = `${SETUP}
PATH=$PATH:${shellQuote(programs)}
${runner.prepare}
${start('tenant', '--memory 40960 --util 40,30')}
${run(runner.before)}
${run(runner.after)}
`;
  const simulated = [SIMULATION.rm, '--regime', regime, '--layouts', client.version, '--', 'sh', '-c', script];
  const result = await runProcess('env', [...runner.around, ...simulated]);
  const [before, after] = views(result.stdout.toString());
  if (result.status !== 0 || before === undefined || after === undefined) {
    throw new MpuError({
      code: 'demo-failed',
      what: `the simulated driver of regime ${regime} could not be shown`,
      why: result.stderr.trim() || `rm-sim ended with status ${result.status}`,
      next: 'scripts/bootstrap.sh demo, then run it again',
      exitCode: ExitCode.failed,
    });
  }
  return { before, after };
}
