// SPDX-License-Identifier: GPL-2.0-only
/** `mpu module load`: put mpu.ko into the running kernel. */
import { Option } from 'commander';
import { loadModule, type LoadResult } from '../../lib/module/load.js';
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

const DESCRIPTION = `Load mpu.ko into the running kernel, until the next boot.

It is built first when there is none for this kernel, and asked over netlink
afterwards: success means that it answers. Loading it twice changes nothing.
With --intercept it rewrites the driver's answers for all containers of the
host; mpu module intercept switches that later.`;

const EXAMPLES = `
Examples:
  sudo mpu module load
  sudo mpu module load --intercept
  sudo mpu module load --key MOK.key --cert MOK.der
${EXIT_CODES}`;

const HEADLINES: Record<LoadResult['outcome'], string> = {
  loaded: 'loaded, until the next boot (mpu module install makes it last)',
  replaced: 'loaded in place of another version, until the next boot',
  unchanged: 'is loaded already',
};

/** Registers `mpu module load`. */
export const registerLoad: RegisterCommand = (program, run) => {
  addBuildOptions(addHostOptions(program.command('load')))
    .summary('put it into the running kernel')
    .description(DESCRIPTION)
    .addOption(new Option('--intercept', 'switch interception on').env('MPU_INTERCEPT'))
    .addOption(new Option('--temporary', 'only until the next boot: what it does anyway').env('MPU_TEMPORARY'))
    .addHelpText('after', EXAMPLES)
    .action(async (flags: HostFlags & BuildFlags & { intercept?: boolean }) => {
      const result = await loadModule(await hostOf(flags), {
        ...buildOptionsOf(flags, run),
        intercept: flags.intercept === true,
      });
      run.output.result(`mpu.ko ${result.module.version} ${HEADLINES[result.outcome]}`, result);
    });
};
