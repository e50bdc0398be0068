// SPDX-License-Identifier: GPL-2.0-only
/** `mpu cdi`: devices by which engines give libmpu.so to containers of untouched images. */
import { registerGenerate } from './cdi/generate.js';
import { registerInstall } from './cdi/install.js';
import { registerRemove } from './cdi/remove.js';
import type { RegisterCommand } from './command.js';

const DESCRIPTION = `Let containers of untouched images see the right processes.

Engines that know CDI (docker 25, podman 4.1, containerd 1.7, CRI-O) give a
container libmpu.so by --device. Add it to the GPU's own device:

  dev.mpu/preload=all   by a mounted /etc/ld.so.preload: for glibc images that
                        have none of their own
  dev.mpu/preload=env   by the variable LD_PRELOAD: for all others, musl too`;

const EXAMPLES = `
Examples:
  sudo mpu cdi install
  docker run --device nvidia.com/gpu=all --device dev.mpu/preload=all IMAGE
  mpu cdi generate --output mpu.json
`;

/** Every verb, in the order of the help. */
const VERBS: readonly RegisterCommand[] = [registerGenerate, registerInstall, registerRemove];

/** Registers `mpu cdi` and its verbs. */
export const registerCdi: RegisterCommand = (program, run) => {
  const group = program
    .command('cdi')
    .summary('give untouched images libmpu.so by --device')
    .description(DESCRIPTION)
    .addHelpText('after', EXAMPLES);
  for (const register of VERBS) register(group, run);
};
