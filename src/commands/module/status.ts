// SPDX-License-Identifier: GPL-2.0-only
/** `mpu module status`: what is built, installed and loaded, and what stands in the way. */
import type { LoadedModule } from '../../lib/module/loaded-module.js';
import { moduleStatus, type ModuleStatus } from '../../lib/module/status.js';
import type { Restrictions } from '../../lib/module/restrictions.js';
import type { RegisterCommand } from '../command.js';
import { addHostOptions, EXIT_CODES, hostOf, type HostFlags } from './options.js';

const DESCRIPTION = `Show what of mpu.ko is built, installed and loaded, and whether the system takes it.

Needs no privilege and changes nothing.`;

function describeLoaded(loaded: LoadedModule): string {
  if (loaded.owner === 'none') return 'no';
  if (loaded.owner === 'foreign')
    return 'a module of another project with the name mpu: rmmod mpu before loading this one';
  const { answer } = loaded;
  const version = loaded.version ?? '';
  if (answer === undefined) return `${version} (not asked: the native addon is not built)`;
  const reason = answer.interceptReason === undefined ? '' : ` (${answer.interceptReason})`;
  const counters = answer.counters === undefined ? '' : `, ${answer.counters.requests} requests`;
  return `${answer.version}, ABI ${answer.abi}, can ${answer.features.join(', ')}, interception ${answer.intercept}${reason}${counters}`;
}

function describeRestrictions({ secureBoot, lockdown, signaturesEnforced, modulesDisabled }: Restrictions): string[] {
  const signed = signaturesEnforced || lockdown === 'integrity' || lockdown === 'confidentiality';
  return [
    `secure boot: ${secureBoot}, lockdown ${lockdown}`,
    `takes:       ${modulesDisabled ? 'no modules until the next boot' : signed ? 'signed modules only (docs/secure-boot.md)' : 'unsigned modules too'}`,
  ];
}

function describe(status: ModuleStatus): string {
  const installed = status.installed.map(
    ({ path, version, ours, signed, problem }) =>
      `${path} (${problem ?? (ours ? `${version ?? ''}${signed ? ', signed' : ''}` : 'another project')})`,
  );
  const dkms = status.dkms?.map(
    ({ version, kernel, state }) => `${version}${kernel === undefined ? '' : ` for ${kernel}`}: ${state}`,
  );
  return [
    `kernel:      ${status.kernel}${status.kernel === status.running ? '' : ` (running: ${status.running})`}`,
    `loaded:      ${describeLoaded(status.loaded)}`,
    `installed:   ${installed.length === 0 ? 'no' : installed.join('\n             ')}`,
    `at boot:     ${status.atBoot ? 'loaded' : 'not loaded'}`,
    `DKMS:        ${dkms === undefined ? 'not there' : dkms.length === 0 ? 'there, does not have mpu' : dkms.join('; ')}`,
    `built:       ${status.built === undefined ? 'no' : `${status.built.path}${status.built.signed ? ' (signed)' : ''}`}`,
    `headers:     ${status.headers ?? 'not installed'}`,
    ...describeRestrictions(status.restrictions),
  ].join('\n');
}

const EXAMPLES = `
Examples:
  mpu module status
  mpu module status --root /host --json
${EXIT_CODES}`;

/** Registers `mpu module status`. */
export const registerStatus: RegisterCommand = (program, run) => {
  addHostOptions(program.command('status'))
    .summary('show what is built, installed and loaded')
    .description(DESCRIPTION)
    .addHelpText('after', EXAMPLES)
    .action(async (flags: HostFlags) => {
      const status = await moduleStatus(await hostOf(flags));
      run.output.result(describe(status), status);
    });
};
