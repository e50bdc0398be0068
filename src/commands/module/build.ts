// SPDX-License-Identifier: GPL-2.0-only
/** `mpu module build`: compile mpu.ko. */
import { Option } from 'commander';
import { resolve } from 'node:path';
import { buildModule } from '../../lib/module/build.js';
import { copyAtomic } from '../../lib/system/replace-file.js';
import type { RegisterCommand } from '../command.js';
import {
  addBuildOptions,
  addHostOptions,
  buildOptionsOf,
  EXIT_CODES,
  hostOf,
  type BuildFlags,
  type HostFlags,
} from './options.js';

interface Flags extends HostFlags, BuildFlags {
  output?: string;
}

const DESCRIPTION = `Compile mpu.ko for a kernel whose headers are installed.

It is kept in /var/cache/mpu (root) or ~/.cache/mpu, where load and install
find it. Needs make and the compiler that the kernel was built by.`;

const EXAMPLES = `
Examples:
  mpu module build
  mpu module build --kernel 6.1.0-18-amd64 --output mpu.ko
${EXIT_CODES}`;

/** Registers `mpu module build`. */
export const registerBuild: RegisterCommand = (program, run) => {
  addBuildOptions(addHostOptions(program.command('build')))
    .summary('compile it for a kernel')
    .description(DESCRIPTION)
    .addOption(new Option('-o, --output <file>', 'put a copy there').env('MPU_OUTPUT'))
    .addHelpText('after', EXAMPLES)
    .action(async (flags: Flags) => {
      const host = await hostOf(flags);
      const built = await buildModule(host, buildOptionsOf(flags, run));
      const path = flags.output === undefined ? built.path : resolve(flags.output);
      if (path !== built.path) await copyAtomic(built.path, path);
      const signed = built.signed ? ', signed' : '';
      run.output.result(
        `${run.output.style('bold', path)}\n  mpu ${built.version ?? ''} for kernel ${host.kernel}${signed}`,
        { ...built, path },
      );
    });
};
