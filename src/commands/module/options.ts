// SPDX-License-Identifier: GPL-2.0-only
/** Flags that verbs of `mpu module` share. */
import { Option, type Command } from 'commander';
import type { BuildOptions } from '../../lib/module/build.js';
import { Host, type HostOptions } from '../../lib/system/host.js';
import { signingKey } from '../../lib/module/sign.js';
import type { Run } from '../command.js';

/** Which system and kernel. */
export interface HostFlags {
  root?: string;
  kernel?: string;
}

/** How to build. */
export interface BuildFlags {
  key?: string;
  cert?: string;
  cc?: string;
}

/** What every verb ends its help with. */
export const EXIT_CODES = `
Exit codes: 0 done, or nothing to do; 1 failed; 2 usage; 3 this system or kernel
lacks something; 4 permission denied, or refused by Secure Boot or lockdown.
`;

/** Adds --root and --kernel. */
export function addHostOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--root <dir>', 'root directory of the system, e.g. of the host in a container').env('MPU_ROOT'),
    )
    .addOption(new Option('--kernel <version>', 'release of the kernel (default: the running one)').env('MPU_KERNEL'));
}

/** Adds --key, --cert and --cc. */
export function addBuildOptions(command: Command): Command {
  return addKeyOptions(command).addOption(
    new Option('--cc <compiler>', 'build with this compiler, not the one the kernel was built by').env('MPU_CC'),
  );
}

/** Adds --key and --cert. */
export function addKeyOptions(command: Command): Command {
  return command
    .addOption(new Option('--key <file>', 'private key to sign with (PEM)').env('MPU_KEY'))
    .addOption(new Option('--cert <file>', 'certificate of that key').env('MPU_CERT'));
}

/** The system that the flags name. */
export async function hostOf(flags: HostFlags): Promise<Host> {
  const options: HostOptions = {
    ...(flags.root === undefined ? {} : { root: flags.root }),
    ...(flags.kernel === undefined ? {} : { kernel: flags.kernel }),
  };
  return Host.open(options);
}

/** The flags and the run as options of the library. */
export function buildOptionsOf(flags: BuildFlags, run: Run): BuildOptions {
  return {
    key: signingKey(flags.key, flags.cert),
    compiler: flags.cc,
    signal: run.signal,
    onProgress: (line) => {
      run.output.progress(line);
    },
  };
}
