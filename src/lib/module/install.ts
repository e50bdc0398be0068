// SPDX-License-Identifier: GPL-2.0-only
/** Making mpu.ko part of a system: for one kernel by a file, for all to come by DKMS. */
import { stat } from 'node:fs/promises';
import { ExitCode, MpuError, fileError, usageError } from '../errors.js';
import { Dkms } from './dkms.js';
import type { Host } from '../system/host.js';
import { installByDkms } from './install-dkms.js';
import { installFiles } from './install-file.js';
import { checkRelease } from './kernel-build.js';
import { checkMayChange } from './permission.js';
import type { InstallOptions, InstallResult } from './install-types.js';

async function checkKernelDirectory(host: Host): Promise<void> {
  const directory = await host.resolve(`/lib/modules/${host.kernel}`);
  if ((await stat(directory).catch(() => undefined))?.isDirectory() === true) return;
  throw new MpuError({
    code: 'no-such-kernel',
    what: `cannot install mpu.ko for kernel ${host.kernel}`,
    why: `${directory} does not exist: that kernel is not installed`,
    next: `install the kernel first, or name one of: ls ${host.path('/lib/modules')}`,
    exitCode: ExitCode.hostUnsupported,
  });
}

/**
 * Installs the module for a kernel, to be loaded at every boot. With DKMS, all kernels whose headers are there get it,
 * and later ones when they are installed. What the other method has installed is replaced. Throws an MpuError; then,
 * as after an interrupt, the system is as before.
 */
export async function installModule(host: Host, options: InstallOptions = {}): Promise<InstallResult> {
  const what = `cannot install mpu.ko for kernel ${host.kernel}`;
  try {
    checkRelease(host);
    await checkKernelDirectory(host);
    await checkMayChange(host, what, 'install');
    const dkms = await Dkms.find(host);
    if (dkms === undefined || options.dkms === false) return await installFiles(host, dkms, options);
    if (options.key !== undefined || options.compiler !== undefined) {
      throw usageError(
        'cannot install mpu.ko with DKMS',
        'DKMS signs and compiles by its own settings, also at the next kernel update',
        'set mok_signing_key and mok_certificate in /etc/dkms/framework.conf, or leave DKMS out: --no-dkms',
      );
    }
    return await installByDkms(host, dkms, options);
  } catch (error) {
    throw fileError(error, what);
  }
}
