// SPDX-License-Identifier: GPL-2.0-only
/** `mpu module install`: make mpu.ko part of the system. */
import { Option } from 'commander';
import { installModule } from '../../lib/module/install.js';
import type { InstallResult } from '../../lib/module/install-types.js';
import type { Host } from '../../lib/system/host.js';
import type { Output } from '../../lib/terminal/output.js';
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
  dkms: boolean;
  intercept?: boolean;
}

const DESCRIPTION = `Install mpu.ko, to be loaded at every boot.

With DKMS, all kernels whose headers are there get it, and it is built again by
itself when the kernel is updated. Without, it goes to /lib/modules/VERSION/extra,
and has to be installed again for each new kernel:
mpu module install --kernel VERSION. One way replaces the other. An interrupted
or failed installation leaves the system as it was.

With --intercept it is loaded with interception on, from the next time on;
--no-intercept takes that back.`;

const EXAMPLES = `
Examples:
  sudo mpu module install
  sudo mpu module install --intercept
  sudo mpu module install --kernel 6.1.0-18-amd64
  mpu module install --root /host
${EXIT_CODES}`;

/** @param host - the system and kernel that it was installed for */
function describe(result: InstallResult, host: Host, output: Output): string {
  const loaded =
    host.isThisSystem && host.isRunningKernel
      ? 'loaded at every boot, and now by: sudo mpu module load'
      : `loaded at every boot of kernel ${result.kernel}`;
  const later =
    result.method === 'dkms'
      ? 'DKMS builds it again at kernel updates'
      : 'kernel updates need it again: mpu module install --kernel VERSION';
  return [
    output.style('bold', result.path),
    `  mpu ${result.version} for kernel ${result.kernel}${result.signed ? ', signed' : ''}`,
    `  ${result.outcome === 'installed' ? 'installed' : 'unchanged: it was installed before'}; ${loaded}`,
    ...(result.alsoFor.length === 0 ? [] : [`  also for kernel ${result.alsoFor.join(', ')}`]),
    ...result.skipped.map(({ kernel, why }) => `  not for kernel ${kernel}: ${why}`),
    `  ${later}`,
  ].join('\n');
}

/** Registers `mpu module install`. */
export const registerInstall: RegisterCommand = (program, run) => {
  addBuildOptions(addHostOptions(program.command('install')))
    .summary('make it part of the system')
    .description(DESCRIPTION)
    .addOption(new Option('--no-dkms', 'do not use DKMS even when it is there').env('MPU_NO_DKMS'))
    .addOption(new Option('--intercept', "rewrite the driver's answers in the kernel").env('MPU_INTERCEPT'))
    .addOption(new Option('--no-intercept', 'do so no longer').env('MPU_NO_INTERCEPT'))
    .addHelpText('after', EXAMPLES)
    .action(async (flags: Flags) => {
      const host = await hostOf(flags);
      const result = await installModule(host, {
        ...buildOptionsOf(flags, run),
        dkms: flags.dkms,
        ...(flags.intercept === undefined ? {} : { intercept: flags.intercept }),
      });
      run.output.result(describe(result, host, run.output), result);
    });
};
