// SPDX-License-Identifier: GPL-2.0-only
/** Signing mpu.ko with the kernel's own sign-file. */
import { copyFile, access, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ExitCode, MpuError, fileError } from '../errors.js';
import type { Host } from '../system/host.js';
import { kernelBuild } from './kernel-build.js';
import { readModuleFile } from './module-file.js';
import { findProgram, lastLines } from '../system/program.js';
import { runProcess } from '../system/run-process.js';

/** A machine owner key: files of the private key (PEM) and of its certificate (DER or PEM). */
export interface SigningKey {
  key: string;
  certificate: string;
}

/** The two flags as a key; throws (usage) when only one of them was given. */
export function signingKey(key: string | undefined, certificate: string | undefined): SigningKey | undefined {
  if (key !== undefined && certificate !== undefined) return { key, certificate };
  if (key === undefined && certificate === undefined) return undefined;
  throw new MpuError({
    code: 'usage',
    what: 'cannot sign mpu.ko',
    why: `${key === undefined ? '--key' : '--cert'} is missing`,
    next: 'give both --key and --cert',
    exitCode: ExitCode.usage,
  });
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * Signs a module in place: a copy is signed, then renamed over it. Throws an MpuError when the headers
 * have no sign-file, a file is missing, or signing fails; the module is then as before.
 */
export async function signModule(host: Host, path: string, { key, certificate }: SigningKey): Promise<void> {
  const what = `cannot sign ${path}`;
  for (const file of [key, certificate]) {
    // A PKCS#11 URI names no file.
    if (file.startsWith('pkcs11:') || (await exists(file))) continue;
    throw new MpuError({
      code: 'key-missing',
      what,
      why: `${file} does not exist`,
      next: 'make a key: see docs/secure-boot.md',
    });
  }
  if ((await readModuleFile(path)).signed) {
    throw new MpuError({
      code: 'already-signed',
      what,
      why: 'it has a signature already',
      next: `build it again: mpu module build --key KEY --cert CERTIFICATE${host.flags}`,
    });
  }
  const build = await kernelBuild(host);
  // Ubuntu ships the program apart from the headers, as kmodsign.
  const own = join(build.directory, 'scripts', 'sign-file');
  const program = (await exists(own)) ? own : await findProgram('kmodsign');
  if (program === undefined) {
    throw new MpuError({
      code: 'sign-file-missing',
      what,
      why: `${own} does not exist`,
      next: 'install the full headers of the kernel (Ubuntu: sbsigntool)',
      exitCode: ExitCode.hostUnsupported,
    });
  }
  const aside = `${path}.${process.pid}.tmp`;
  try {
    await copyFile(path, aside);
    const result = await runProcess(program, [
      build.config.get('CONFIG_MODULE_SIG_HASH') ?? 'sha256',
      key,
      certificate,
      aside,
    ]);
    if (result.status !== 0) {
      throw new MpuError({
        code: 'sign-failed',
        what,
        why: lastLines(result),
        next: 'check that the key and the certificate belong together; an encrypted key wants its password in KBUILD_SIGN_PIN',
      });
    }
    if (!(await readModuleFile(aside)).signed) {
      throw new MpuError({
        code: 'sign-failed',
        what,
        why: `${program} left it unsigned`,
        next: 'check the key and the certificate',
      });
    }
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw fileError(error, what);
  }
}
