// SPDX-License-Identifier: GPL-2.0-only
/** `mpu pidns disable`: take the translator away. */
import { disablePidns } from '../../lib/pidns/enable.js';
import type { RegisterCommand } from '../command.js';
import { EXIT_CODES, persistOption } from './options.js';

const DESCRIPTION = `Remove /run/mpu/pidns, until the next boot.

With --persist its systemd unit goes, too. Containers that run keep the file they
were given; the last of them takes the translator with it.`;

/** Registers `mpu pidns disable`. */
export const registerDisable: RegisterCommand = (program, run) => {
  program
    .command('disable')
    .summary('take the translator away')
    .description(DESCRIPTION)
    .addOption(persistOption('also at each boot'))
    .addHelpText('after', `\nExamples:\n  sudo mpu pidns disable --persist\n${EXIT_CODES}`)
    .action(async (flags: { persist?: boolean }) => {
      const result = await disablePidns(flags.persist === true);
      const unit = result.unit === null ? '' : `\n  removed from the boot: ${result.unit}`;
      run.output.result(`${result.outcome}${unit}`, result);
    });
};
