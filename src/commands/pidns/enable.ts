// SPDX-License-Identifier: GPL-2.0-only
/** `mpu pidns enable`: put a translator at /run/mpu/pidns. */
import { Option } from 'commander';
import { enablePidns } from '../../lib/pidns/enable.js';
import type { Translator } from '../../lib/pidns/unit.js';
import type { RegisterCommand } from '../command.js';
import { describeBoot, describeTranslator, EXIT_CODES, persistOption } from './options.js';

const DESCRIPTION = `Put a translator of PIDs at /run/mpu/pidns, until the next boot.

With --persist a systemd unit does it at each boot, too. Doing it twice changes
nothing; containers that run keep the file they were given.`;

const EXAMPLES = `
Examples:
  sudo mpu pidns enable
  sudo mpu pidns enable --persist
  sudo mpu pidns enable --translator nsfs
${EXIT_CODES}`;

interface Flags {
  translator: Translator;
  persist?: boolean;
}

/** Registers `mpu pidns enable`. */
export const registerEnable: RegisterCommand = (program, run) => {
  program
    .command('enable')
    .summary('put a translator at /run/mpu/pidns')
    .description(DESCRIPTION)
    .addOption(
      new Option('--translator <kind>', 'bpf, nsfs, or the first that works')
        .choices(['auto', 'bpf', 'nsfs'])
        .default('auto')
        .env('MPU_TRANSLATOR'),
    )
    .addOption(persistOption('also at each boot'))
    .addHelpText('after', EXAMPLES)
    .action(async (flags: Flags) => {
      const { translator, persist } = flags;
      const result = await enablePidns({ translator, persist: persist === true, signal: run.signal });
      for (const why of result.skipped) run.output.note(`not used: ${why}`);
      const lines = [
        result.path,
        `  ${result.outcome}`,
        `  translator: ${describeTranslator(result)}`,
        `  at boot: ${describeBoot(result)}`,
      ];
      run.output.result(lines.join('\n'), result);
    });
};
