// SPDX-License-Identifier: GPL-2.0-only
/** `mpu demo`: what mpu changes, shown with the real nvidia-smi on a machine without a GPU. */
import { Option } from 'commander';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { besideEachOther, processBox, type Side } from '../lib/demo/columns.js';
import { containersRunner } from '../lib/demo/in-containers.js';
import { namespaceRunner } from '../lib/demo/in-namespace.js';
import { REGIMES, type Regime } from '../lib/driver/regimes.js';
import {
  compare,
  requireSimulation,
  SIMULATION,
  type Comparison,
  type Runner,
  type View,
} from '../lib/demo/comparison.js';
import { ExitCode, messageOf, MpuError, throwIfInterrupted } from '../lib/errors.js';
import { fetchAnyNvidiaClient, type NvidiaClient } from '../lib/nvidia-clients/nvidia-clients.js';
import type { Output } from '../lib/terminal/output.js';
import { packageRoot } from '../lib/package/root.js';
import type { RegisterCommand, Run } from './command.js';

const DESCRIPTION = `Show what a container sees without mpu and with it, on every kind of driver.

The nvidia-smi is NVIDIA's own, downloaded from the distribution; the driver
and the GPU are simulated, so this runs anywhere. As root it runs in podman
containers of an image made by mpu inject; otherwise, or where podman does not
work, in a PID namespace.

It needs a clone of the repository, where npm run demo builds what it runs.`;

const EXAMPLES = `
Examples:
  mpu demo
  mpu demo --regime R1
  mpu demo --json
`;

/** Linux 6.11 is the first whose namespace files translate PIDs. */
function checkKernel(): void {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  if (major > 6 || (major === 6 && minor >= 11)) return;
  throw new MpuError({
    code: 'kernel-too-old',
    what: 'cannot show the demo on this kernel',
    why: `Linux ${release()} does not translate PIDs by namespace file, which came with 6.11`,
    next: 'run it on Linux 6.11 or later, e.g. Debian 13 or Ubuntu 25.04',
    exitCode: ExitCode.hostUnsupported,
  });
}

async function chooseRunner(client: NvidiaClient, programs: string, output: Output): Promise<Runner> {
  try {
    return await containersRunner(join(packageRoot, '.cache', 'demo'), client, (line) => {
      output.progress(line);
    });
  } catch (error) {
    output.note(`Showing it in a PID namespace, not in a container: ${messageOf(error)}.`);
    return namespaceRunner(client, programs);
  }
}

/** Terminal columns, or enough for two tables where the output is no terminal. */
const width = (): number => process.stdout.columns || 160;

function describe(regime: Regime, comparison: Comparison, output: Output): string {
  const side = (title: string, { table, monitor }: View): Side => ({
    title,
    blocks: [processBox(table), monitor.trimEnd().split('\n')],
  });
  const lines = besideEachOther(side('WITHOUT MPU', comparison.before), side('WITH MPU', comparison.after), width());
  const running = Object.entries(comparison.after.processes).map(([name, pid]) => `${name} is PID ${pid}`);
  return [
    output.style('bold', `${regime.id}: driver ${regime.drivers}`),
    `Without mpu: ${regime.wrong}.`,
    `Inside, ${running.join(', ')}.`,
    '',
    ...lines,
    '',
    '',
  ].join('\n');
}

async function demonstrate(regimes: readonly Regime[], run: Run): Promise<void> {
  requireSimulation();
  checkKernel();
  const { output } = run;
  const programs = await mkdtemp(join(tmpdir(), 'mpu-demo-'));
  try {
    for (const name of ['tenant', 'train', 'serve']) await symlink(SIMULATION.process, join(programs, name));
    const client = await fetchAnyNvidiaClient(join(packageRoot, '.cache'), ['550', '535'], {
      progress: (line) => {
        output.progress(line);
      },
    });
    const runner = await chooseRunner(client, programs, output);
    const comparisons: { regime: Regime; comparison: Comparison }[] = [];
    output.note(
      `One GPU, nvidia-smi ${client.version}. A container runs "train" and "serve"; another tenant of the host runs a process with 40960MiB.\n`,
    );
    for (const regime of regimes) {
      throwIfInterrupted(run.signal);
      output.progress(`driver ${regime.drivers}`);
      const comparison = await compare(regime.id, client, runner, programs);
      comparisons.push({ regime, comparison });
      if (!output.json) output.result(describe(regime, comparison, output), {});
    }
    if (output.json)
      output.result('', {
        nvidiaSmi: client.version,
        regimes: comparisons.map(({ regime, comparison }) => ({ ...regime, ...comparison })),
      });
  } finally {
    await rm(programs, { recursive: true, force: true });
  }
}

/** Registers `mpu demo`. */
export const registerDemo: RegisterCommand = (program, run) => {
  program
    .command('demo')
    .summary('show before and after on a simulated GPU')
    .description(DESCRIPTION)
    .addOption(
      new Option('-r, --regime <id>', 'show this one alone').choices(REGIMES.map(({ id }) => id)).env('MPU_REGIME'),
    )
    .addHelpText('after', EXAMPLES)
    .action(async (flags: { regime?: string }) => {
      await demonstrate(
        REGIMES.filter(({ id }) => flags.regime === undefined || flags.regime === id),
        run,
      );
    });
};
