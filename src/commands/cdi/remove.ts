// SPDX-License-Identifier: GPL-2.0-only
/** `mpu cdi remove`: take everything back. */
import { removeCdi } from '../../lib/cdi/install.js';
import type { RegisterCommand } from '../command.js';
import { EXIT_CODES } from './options.js';

const DESCRIPTION = `Remove the spec, the units and the library in /var/lib/mpu.

Running containers keep what they were given; a library that one of them has
mounted stays, to be removed by another run.`;

/** Registers `mpu cdi remove`. */
export const registerRemove: RegisterCommand = (program, run) => {
  program
    .command('remove')
    .summary('remove the devices and what belongs to them')
    .description(DESCRIPTION)
    .addHelpText('after', `\nExamples:\n  sudo mpu cdi remove\n${EXIT_CODES}`)
    .action(async () => {
      const result = await removeCdi();
      for (const path of result.used) run.output.note(`${path} stays: a running container has it mounted`);
      run.output.result(
        result.removed.length > 0
          ? `removed:\n${result.removed.map((path) => `  ${path}`).join('\n')}`
          : 'nothing to remove',
        result,
      );
    });
};
