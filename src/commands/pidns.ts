// SPDX-License-Identifier: GPL-2.0-only
/** `mpu pidns`: translation of PIDs without the kernel module. */
import type { RegisterCommand } from './command.js';
import { registerDisable } from './pidns/disable.js';
import { registerEnable } from './pidns/enable.js';
import { registerStatus } from './pidns/status.js';

const DESCRIPTION = `Let containers translate PIDs without the kernel module.

The host puts one file at /run/mpu/pidns, which containers are given read-only. It
translates the PIDs of a container's own processes and nothing else:

  bpf    a BPF task iterator, on Linux 5.11 and later with BTF
  nsfs   the host's PID namespace, on Linux 6.11 and later`;

const EXAMPLES = `
Examples:
  sudo mpu pidns enable --persist
  mpu pidns status
  docker run --gpus all -v /run/mpu/pidns:/run/mpu/pidns:ro IMAGE
`;

/** Every verb, in the order of the help. */
const VERBS: readonly RegisterCommand[] = [registerEnable, registerDisable, registerStatus];

/** Registers `mpu pidns` and its verbs. */
export const registerPidns: RegisterCommand = (program, run) => {
  const group = program
    .command('pidns')
    .summary('translate PIDs without the kernel module')
    .description(DESCRIPTION)
    .addHelpText('after', EXAMPLES);
  for (const register of VERBS) register(group, run);
};
