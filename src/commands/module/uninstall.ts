// SPDX-License-Identifier: GPL-2.0-only
/** `mpu module uninstall`: take mpu.ko out of the system. */
import { uninstallModule } from '../../lib/module/uninstall.js';
import type { RegisterCommand } from '../command.js';
import { addHostOptions, EXIT_CODES, hostOf, type HostFlags } from './options.js';

const DESCRIPTION = `Unload mpu.ko and remove all that building and installing left.

That is the module in every kernel's directory, its registration with DKMS, its
sources in /usr/src, the file in /etc/modules-load.d and the cache. With
--kernel, the module of that one kernel alone. Modules of other projects that
are called mpu, too, are left alone. Where nothing is installed, a user without
privilege removes what they built themselves.`;

const EXAMPLES = `
Examples:
  sudo mpu module uninstall
  sudo mpu module uninstall --kernel 6.1.0-18-amd64
${EXIT_CODES}`;

/** Registers `mpu module uninstall`. */
export const registerUninstall: RegisterCommand = (program, run) => {
  addHostOptions(program.command('uninstall'))
    .summary('take it out of the system')
    .description(DESCRIPTION)
    .addHelpText('after', EXAMPLES)
    .action(async (flags: HostFlags) => {
      const result = await uninstallModule(await hostOf(flags), { onlyKernel: flags.kernel !== undefined });
      const { removed, left } = result;
      const lines = [
        ...(removed.length === 0 ? ['mpu.ko is not installed: nothing to do'] : ['removed:']),
        ...removed.map((entry) => `  ${entry}`),
        ...left.map(({ path, why }) => `left: ${path}: ${why}; to remove it: sudo rm ${path}`),
      ];
      run.output.result(lines.join('\n'), result);
    });
};
