// SPDX-License-Identifier: GPL-2.0-only
/** `mpu pidns status`: what is at /run/mpu/pidns. */
import { pidnsStatus } from '../../lib/pidns/state.js';
import type { RegisterCommand } from '../command.js';
import { describeBoot, describeTranslator } from './options.js';

const DESCRIPTION = `Show the translator at /run/mpu/pidns, now and at the next boot.

Changes nothing. mpu doctor says whether it works.`;

const EXAMPLES = `
Examples:
  mpu pidns status
  mpu pidns status --json

Exit codes: 0 done; 2 usage.
`;

/** Registers `mpu pidns status`. */
export const registerStatus: RegisterCommand = (program, run) => {
  program
    .command('status')
    .summary('show the translator')
    .description(DESCRIPTION)
    .addHelpText('after', EXAMPLES)
    .action(async () => {
      const status = await pidnsStatus();
      const lines = [status.path, `  translator: ${describeTranslator(status)}`, `  at boot: ${describeBoot(status)}`];
      run.output.result(lines.join('\n'), status);
    });
};
