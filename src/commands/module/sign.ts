// SPDX-License-Identifier: GPL-2.0-only
/** `mpu module sign`: sign mpu.ko for Secure Boot. */
import { resolve } from 'node:path';
import { usageError } from '../../lib/errors.js';
import { buildModule, cachedModule } from '../../lib/module/build.js';
import { readModuleFile } from '../../lib/module/module-file.js';
import { signingKey, signModule } from '../../lib/module/sign.js';
import type { RegisterCommand } from '../command.js';
import {
  addHostOptions,
  addKeyOptions,
  buildOptionsOf,
  EXIT_CODES,
  hostOf,
  type BuildFlags,
  type HostFlags,
} from './options.js';

const DESCRIPTION = `Sign mpu.ko with the kernel's sign-file, for Secure Boot.

Without FILE, the module that load and install use for the kernel, which is
built when there is none. How to make and enrol a key: docs/secure-boot.md. The
password of an encrypted key is taken from the variable KBUILD_SIGN_PIN.`;

const EXAMPLES = `
Examples:
  sudo mpu module sign --key MOK.key --cert MOK.der
  mpu module sign --key MOK.key --cert MOK.der ./mpu.ko
${EXIT_CODES}`;

/** Registers `mpu module sign`. */
export const registerSign: RegisterCommand = (program, run) => {
  addKeyOptions(addHostOptions(program.command('sign')))
    .summary('sign it for Secure Boot')
    .description(DESCRIPTION)
    .argument('[file]', 'module to sign')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string | undefined, flags: HostFlags & BuildFlags) => {
      const host = await hostOf(flags);
      const key = signingKey(flags.key, flags.cert);
      if (key === undefined) {
        throw usageError(
          'cannot sign mpu.ko',
          'there is no key to sign with',
          'give --key and --cert; docs/secure-boot.md says how to make them',
        );
      }
      let path: string;
      if (file === undefined) {
        const cached = await cachedModule(host);
        const reuse = cached?.signed === false;
        ({ path } = reuse ? cached : await buildModule(host, buildOptionsOf(flags, run)));
        if (reuse) await signModule(host, path, key);
      } else {
        path = resolve(file);
        await signModule(host, path, key);
      }
      run.output.result(`${run.output.style('bold', path)}\n  signed with ${key.key}`, {
        ...(await readModuleFile(path)),
        key: key.key,
        certificate: key.certificate,
      });
    });
};
