// SPDX-License-Identifier: GPL-2.0-only
/** `mpu status`: what of mpu there is, on one screen. */
import { describeRuntime } from '../lib/doctor/runtime-checks.js';
import { FLAVOURS } from '../lib/driver/driver.js';
import type { LoadedModule } from '../lib/module/loaded-module.js';
import type { PidnsState } from '../lib/containers/pidns-file.js';
import { findStatus, type ContainerStatus, type Status } from '../lib/status.js';
import { printable } from '../lib/terminal/table.js';
import type { RegisterCommand } from './command.js';

const DESCRIPTION = `Show driver, module, namespace file and containers on one screen.

It says what there is; mpu doctor says whether it works, and mpu module status what is
built and installed. Changes nothing; as root it sees the containers of everybody.`;

const EXAMPLES = `
Examples:
  mpu status
  sudo mpu status --json

Exit codes: 0 done; 2 usage.
`;

const PIDNS: Record<PidnsState, string> = {
  host: "is the host's PID namespace",
  iterator: 'is a BPF iterator of the host',
  absent: 'is not there',
  unreadable: 'cannot be looked at',
  directory: 'is a directory, not a namespace',
  ordinary: 'is a file that nothing is mounted on',
  'other-namespace': 'is not the initial PID namespace',
};

function describeDriver({ driver }: Status): string {
  if (driver === undefined) return 'not loaded';
  const regime = driver.regime === undefined ? '' : `, ${driver.regime.id}: ${driver.regime.wrong}`;
  return `${driver.release}, ${FLAVOURS[driver.flavour]}${regime}`;
}

/** mpu.ko in a few words. */
export function describeModule({ owner, version = '', answer }: LoadedModule): string {
  if (owner === 'none') return 'not loaded';
  if (owner === 'foreign') return "another project's, of the same name";
  if (answer === undefined) return `${version}, which cannot be asked`;
  const { counters, intercept, interceptReason } = answer;
  const reason = interceptReason === undefined ? '' : ` (${interceptReason})`;
  const counted = counters === undefined ? '' : `, ${counters.requests} requests with ${counters.pids} PIDs`;
  return `${answer.version}, interception ${intercept}${reason}${counted}`;
}

const list = (words: readonly string[]): string => (words.length === 0 ? 'none' : words.join(', '));

function describeContainers(containers: readonly ContainerStatus[]): string[] {
  const those = (wanted: boolean | undefined): string =>
    list(containers.filter(({ injected }) => injected === wanted).map(({ label, runtime }) => `${label} (${runtime})`));
  const unseen = containers.some(({ injected }) => injected === undefined) ? [`not visible: ${those(undefined)}`] : [];
  return [`injected:    ${those(true)}`, `without mpu: ${those(false)}`, ...unseen];
}

function describe(status: Status): string {
  return [
    `mpu:         ${status.version}, ${status.place === 'host' ? 'on the host' : 'in a container'}`,
    `driver:      ${describeDriver(status)}`,
    `mpu.ko:      ${describeModule(status.module)}`,
    `namespace:   ${status.pidns.path} ${PIDNS[status.pidns.state]}`,
    `CDI:         ${list(status.cdi)}`,
    ...(status.place === 'host'
      ? [`runtimes:    ${list(status.runtimes.map(describeRuntime))}`, ...describeContainers(status.containers)]
      : []),
  ]
    .map(printable)
    .join('\n');
}

/** Registers `mpu status`. */
export const registerStatus: RegisterCommand = (program, run) => {
  program
    .command('status')
    .summary('show what of mpu there is, on one screen')
    .description(DESCRIPTION)
    .addHelpText('after', EXAMPLES)
    .action(async () => {
      const status = await findStatus();
      run.output.result(describe(status), status);
    });
};
