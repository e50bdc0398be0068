// SPDX-License-Identifier: GPL-2.0-only
/** `mpu module unload`: take mpu.ko out of the running kernel. */
import { unloadModule } from '../../lib/module/load.js';
import type { RegisterCommand } from '../command.js';
import { addHostOptions, EXIT_CODES, hostOf, type HostFlags } from './options.js';

const DESCRIPTION = `Take mpu.ko out of the running kernel.

Programs that ask it go on without: their PIDs are then what the driver gave.
What was installed stays and is loaded again at the next boot.`;

const EXAMPLES = `
Examples:
  sudo mpu module unload
${EXIT_CODES}`;

/** Registers `mpu module unload`. */
export const registerUnload: RegisterCommand = (program, run) => {
  addHostOptions(program.command('unload'))
    .summary('take it out of the running kernel')
    .description(DESCRIPTION)
    .addHelpText('after', EXAMPLES)
    .action(async (flags: HostFlags) => {
      const result = await unloadModule(await hostOf(flags));
      run.output.result(
        result.outcome === 'unloaded' ? 'mpu.ko is unloaded' : 'mpu.ko is not loaded: nothing to do',
        result,
      );
    });
};
