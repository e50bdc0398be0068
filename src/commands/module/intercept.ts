// SPDX-License-Identifier: GPL-2.0-only
/** `mpu module intercept`: switch the rewriting of the driver's answers in the kernel. */
import { Argument } from 'commander';
import { interceptStatus, switchIntercept, type InterceptResult } from '../../lib/module/intercept.js';
import type { RegisterCommand } from '../command.js';
import { addHostOptions, EXIT_CODES, hostOf, type HostFlags } from './options.js';

const DESCRIPTION = `Switch interception on or off, or tell whether it is on.

With interception, mpu.ko puts the NVIDIA driver's answers right for every
container of the host, whatever is in its image: static programs and musl too.
It lasts until the module is unloaded; to have it at every boot:
mpu module install --intercept.`;

const EXAMPLES = `
Examples:
  sudo mpu module intercept on
  sudo mpu module intercept off
  mpu module intercept status --json
${EXIT_CODES}`;

const STATES: Record<InterceptResult['intercept'], string> = {
  on: 'on',
  off: 'off',
  waiting: 'on, as soon as nvidia.ko is loaded',
  blocked: 'asked for, and not possible now',
  absent: 'not possible on this kernel',
  unknown: 'in a state that this version of mpu does not know',
};

/** Registers `mpu module intercept`. */
export const registerIntercept: RegisterCommand = (program, run) => {
  addHostOptions(program.command('intercept'))
    .summary("rewrite the driver's answers in the kernel")
    .description(DESCRIPTION)
    .addArgument(new Argument('[verb]', 'what to do').choices(['on', 'off', 'status']).default('status'))
    .addHelpText('after', EXAMPLES)
    .action(async (verb: string, flags: HostFlags) => {
      const host = await hostOf(flags);
      const result = verb === 'status' ? await interceptStatus(host) : await switchIntercept(host, verb === 'on');
      const reason = result.reason === undefined ? '' : `: ${result.reason}`;
      run.output.result(`interception is ${STATES[result.intercept]}${reason}`, result);
    });
};
