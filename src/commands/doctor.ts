// SPDX-License-Identifier: GPL-2.0-only
/** `mpu doctor`: why containers are, or are not, shown the right GPU processes. */
import { Option } from 'commander';
import { isOnHost } from '../lib/containers/processes.js';
import { runChecks, works, type Check, type CheckResult, type Verdict } from '../lib/doctor/check.js';
import { CONTAINER_CHECKS, containerSummary } from '../lib/doctor/container-checks.js';
import { containerFromHost, ownContainer, type ContainerContext } from '../lib/doctor/container-context.js';
import { SHARED_PAGE_CHECK } from '../lib/doctor/shared-page.js';
import { DRIVER_CHECKS, needsNoMpu, type DriverContext } from '../lib/doctor/driver-checks.js';
import { HOST_CHECKS, hostContext, hostSummary, type HostContext } from '../lib/doctor/host-checks.js';
import { OWN_PROCESSES_CHECK } from '../lib/doctor/own-processes.js';
import { RUNTIME_CHECKS } from '../lib/doctor/runtime-checks.js';
import type { Driver } from '../lib/driver/driver.js';
import { ExitCode, throwIfInterrupted } from '../lib/errors.js';
import type { Output, Style } from '../lib/terminal/output.js';
import { printable } from '../lib/terminal/table.js';
import type { RegisterCommand } from './command.js';

const DESCRIPTION = `Find out why containers are, or are not, shown the right GPU processes.

On the host it checks the host, in a container that container, and with
--container a container from the host: that one then needs nothing of mpu but
what was injected. Each check says what it found and what to do about it. Changes
nothing; as root it sees more.`;

const EXAMPLES = `
Examples:
  sudo mpu doctor
  sudo mpu doctor --container web
  sudo mpu doctor --container default/trainer-0
  mpu doctor --json | jq '.checks[] | select(.verdict == "fail")'

Exit codes: 0 the right processes are shown; 1 they are not, or no such container;
2 usage; 4 permission denied.
`;

const HOST: readonly Check<HostContext>[] = [...DRIVER_CHECKS, SHARED_PAGE_CHECK, ...HOST_CHECKS, ...RUNTIME_CHECKS];
const CONTAINER: readonly Check<ContainerContext>[] = [...DRIVER_CHECKS, ...CONTAINER_CHECKS, OWN_PROCESSES_CHECK];

/** A diagnosis, as it goes into the JSON document. */
interface Diagnosis {
  place: 'host' | 'container';
  container?: string;
  driver: { release: string; flavour: Driver['flavour']; regime: string | null; needsMpu: boolean | null } | null;
  checks: CheckResult[];
  summary: string;
}

function describeDriver(context: DriverContext): Diagnosis['driver'] {
  if (context.driver === undefined) return null;
  const { release, flavour, regime } = context.driver;
  return { release, flavour, regime: regime?.id ?? null, needsMpu: regime === undefined ? null : !needsNoMpu(context) };
}

async function diagnoseHost(signal: AbortSignal): Promise<Diagnosis> {
  const context = { ...(await hostContext()), signal };
  const checks = await runChecks(HOST, context);
  throwIfInterrupted(signal);
  const summary = works(checks)
    ? hostSummary(context)
    : 'Containers on this host are not shown the right GPU processes';
  return { place: 'host', driver: describeDriver(context), checks, summary };
}

async function diagnoseContainer(selector: string | undefined): Promise<Diagnosis> {
  const context = selector === undefined ? await ownContainer() : await containerFromHost(selector);
  const checks = await runChecks(CONTAINER, context);
  const name = context.label === undefined ? {} : { container: context.label };
  const summary = works(checks)
    ? containerSummary(context)
    : 'nvidia-smi in this container does not show the right processes';
  return { place: 'container', ...name, driver: describeDriver(context), checks, summary };
}

const STYLES: Record<Verdict, Style> = { ok: 'green', info: 'cyan', warn: 'yellow', fail: 'red' };
const INDENT = ' '.repeat(6);

function describe({ place, container, checks, summary }: Diagnosis, output: Output): string {
  const width = Math.max(...checks.map(({ title }) => title.length));
  const lines = checks.flatMap(({ verdict, title, why, next }) => [
    `${output.style(STYLES[verdict], verdict.padEnd(4))}  ${title.padEnd(width)}  ${printable(why)}`,
    ...(next === undefined ? [] : [`${INDENT}${' '.repeat(width)}  next: ${printable(next)}`]),
  ]);
  const failed = checks.filter(({ verdict }) => verdict === 'fail').map(({ title }) => title);
  const end = failed.length === 0 ? `${summary}.` : `${summary}. To be put right: ${failed.join(', ')}.`;
  return [
    output.style('bold', place === 'host' ? 'This host' : (container ?? 'This container')),
    ...lines,
    '',
    end,
  ].join('\n');
}

/** Registers `mpu doctor`. */
export const registerDoctor: RegisterCommand = (program, run) => {
  program
    .command('doctor')
    .summary('find out why process lists are not right')
    .description(DESCRIPTION)
    .addOption(
      new Option('-c, --container <name>', 'check this container, by name, id, pod or PID').env('MPU_CONTAINER'),
    )
    .addHelpText('after', EXAMPLES)
    .action(async ({ container }: { container?: string }) => {
      const diagnosis =
        container === undefined && isOnHost() ? await diagnoseHost(run.signal) : await diagnoseContainer(container);
      const isWell = works(diagnosis.checks);
      if (!isWell) run.exitCode = ExitCode.failed;
      run.output.result(describe(diagnosis, run.output), { ok: isWell, ...diagnosis });
    });
};
