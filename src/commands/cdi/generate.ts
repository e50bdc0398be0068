// SPDX-License-Identifier: GPL-2.0-only
/** `mpu cdi generate`: write the CDI spec. */
import { Option } from 'commander';
import { resolve } from 'node:path';
import { generateSpec, problemWithPidns, specText } from '../../lib/cdi/generate.js';
import { deviceNames } from '../../lib/cdi/spec.js';
import { writeIfChanged } from '../../lib/system/replace-file.js';
import type { RegisterCommand } from '../command.js';
import { addCdiOptions, cdiOptionsOf, EXIT_CODES, type CdiFlags } from './options.js';

const DESCRIPTION = `Write the CDI spec of the devices dev.mpu/preload=all and =env.

It goes to stdout, or to a file. Engines look into /etc/cdi for specs that stay
and into /var/run/cdi for those that are made at each boot, as mpu cdi install
arranges it. The library that the spec names is put into /var/lib/mpu, where an
upgrade of mpu does not take it away from running containers.

The PID namespace of the host is part of the spec if it is mounted on
/run/mpu/pidns.`;

const EXAMPLES = `
Examples:
  mpu cdi generate
  sudo mpu cdi generate --output /etc/cdi/mpu.json
${EXIT_CODES}`;

/** Registers `mpu cdi generate`. */
export const registerGenerate: RegisterCommand = (program, run) => {
  addCdiOptions(program.command('generate'))
    .summary('write the CDI spec')
    .description(DESCRIPTION)
    .addOption(new Option('-o, --output <file>', 'write it there (default: stdout)').env('MPU_OUTPUT'))
    .addHelpText('after', EXAMPLES)
    .action(async (flags: CdiFlags & { output?: string }) => {
      const spec = await generateSpec(cdiOptionsOf(flags));
      const devices = deviceNames(spec);
      const problem = problemWithPidns();
      if (problem !== undefined) {
        run.output.note(
          `${problem}: containers will need mpu.ko (sudo mpu pidns enable prepares it on Linux 5.11 and later)`,
        );
      }
      if (flags.output === undefined) {
        run.output.result(specText(spec), { devices, spec });
        return;
      }
      const path = resolve(flags.output);
      const outcome = (await writeIfChanged(path, specText(spec))) ? 'written' : 'unchanged';
      run.output.result(`${path}\n  ${outcome}\n  devices: ${devices.join(', ')}`, {
        outcome,
        output: path,
        devices,
        spec,
      });
    });
};
