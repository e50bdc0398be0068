// SPDX-License-Identifier: GPL-2.0-only
/** Signing mpu.ko with the kernel's own sign-file. */
import { access, copyFile, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ExitCode, MpuError, fileError, usageError } from '../errors.js';
import type { Host } from '../system/host.js';
import { kernelBuild } from './kernel-build.js';
import { readModuleFile } from './module-file.js';
import { findProgram, lastLines } from '../system/program.js';
import { copyAtomic } from '../system/replace-file.js';
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
  throw usageError(
    'cannot sign mpu.ko',
    `${key === undefined ? '--key' : '--cert'} is missing`,
    'give both --key and --cert',
  );
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * Signs a module in place: a copy is signed, and takes its place. Throws an MpuError when the headers
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
  const scratch = await mkdtemp(join(dirname(path), '.mpu-')).catch((error: unknown) => {
    throw fileError(error, what);
  });
  try {
    const copy = join(scratch, 'mpu.ko');
    await copyFile(path, copy);
    const result = await runProcess(program, [
      build.config.get('CONFIG_MODULE_SIG_HASH') ?? 'sha256',
      key,
      certificate,
      copy,
    ]);
    if (result.status !== 0) {
      throw new MpuError({
        code: 'sign-failed',
        what,
        why: lastLines(result),
        next: 'check that the key and the certificate belong together; an encrypted key wants its password in KBUILD_SIGN_PIN',
      });
    }
    if (!(await readModuleFile(copy)).signed) {
      throw new MpuError({
        code: 'sign-failed',
        what,
        why: `${program} left it unsigned`,
        next: 'check the key and the certificate',
      });
    }
    await copyAtomic(copy, path);
  } catch (error) {
    throw fileError(error, what);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
