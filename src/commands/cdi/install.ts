// SPDX-License-Identifier: GPL-2.0-only
/** `mpu cdi install`: prepare the devices now and at each boot. */
import { installCdi } from '../../lib/cdi/install.js';
import type { RegisterCommand } from '../command.js';
import { EXIT_CODES } from './options.js';

const DESCRIPTION = `Prepare the devices now and at each boot.

Two systemd units are installed and started: mpu-pidns.service puts a translator
of PIDs at /run/mpu/pidns (mpu pidns enable), and mpu-cdi.service writes the spec
to /var/run/cdi/mpu.json.`;

/** Registers `mpu cdi install`. */
export const registerInstall: RegisterCommand = (program, run) => {
  program
    .command('install')
    .summary('prepare the devices now and at each boot')
    .description(DESCRIPTION)
    .addHelpText('after', `\nExamples:\n  sudo mpu cdi install\n${EXIT_CODES}`)
    .action(async () => {
      const result = await installCdi(run.signal);
      const lines = [
        result.spec,
        `  ${result.outcome}`,
        `  units: ${result.units.join(', ')}`,
        `  pidns: ${result.pidns ? 'given to containers' : 'not there; containers need mpu.ko (sudo mpu module install)'}`,
      ];
      run.output.result(lines.join('\n'), result);
    });
};
