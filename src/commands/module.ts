// SPDX-License-Identifier: GPL-2.0-only
/** `mpu module`: build, load and install mpu.ko. */
import type { RegisterCommand } from './command.js';
import { registerBuild } from './module/build.js';
import { registerInstall } from './module/install.js';
import { registerIntercept } from './module/intercept.js';
import { registerLoad } from './module/load.js';
import { registerSign } from './module/sign.js';
import { registerStatus } from './module/status.js';
import { registerUninstall } from './module/uninstall.js';
import { registerUnload } from './module/unload.js';

const DESCRIPTION = `Build, load and install mpu.ko, the kernel module that translates PIDs.

load and unload last until the next boot; install and uninstall persist.`;

const EXAMPLES = `
Examples:
  sudo mpu module load
  sudo mpu module install
  mpu module status --json
`;

/** Every verb, in the order of the help. */
const VERBS: readonly RegisterCommand[] = [
  registerStatus,
  registerBuild,
  registerLoad,
  registerUnload,
  registerIntercept,
  registerInstall,
  registerUninstall,
  registerSign,
];

/** Registers `mpu module` and its verbs. */
export const registerModule: RegisterCommand = (program, run) => {
  const group = program
    .command('module')
    .summary('build, load and install the kernel module')
    .description(DESCRIPTION)
    .addHelpText('after', EXAMPLES);
  for (const register of VERBS) register(group, run);
};
