// SPDX-License-Identifier: GPL-2.0-only
/** Why the kernel did not take a module. */
import { ExitCode, MpuError } from '../errors.js';
import type { ProcessResult } from '../system/run-process.js';
import type { Host } from '../system/host.js';
import { foreignModule } from './loaded-module.js';
import type { ModuleFile } from './module-file.js';
import { findProgram, lastLines, runProgram } from '../system/program.js';
import { mayLoadModules, readRestrictions, type Restrictions } from './restrictions.js';

/** What is known when insmod has failed. */
export interface InsmodFailure {
  /** What insmod said, in English. */
  said: string;
  /** The kernel's last words about it, or empty. */
  kernelLog: string;
  file: Pick<ModuleFile, 'path' | 'signed'>;
  restrictions: Restrictions;
  capable: boolean;
  /** What to add to an mpu command line to name the same system. */
  flags: string;
}

const MAKE_KEY =
  'make and enrol a machine owner key, then sign with it: openssl req -new -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=mpu" -keyout MOK.key -outform DER -out MOK.der; ' +
  'mokutil --import MOK.der; reboot and confirm';

function signing({ file, flags }: InsmodFailure): string {
  const sign = `mpu module load --key MOK.key --cert MOK.der${flags}`;
  return file.signed
    ? `enrol the certificate it was signed with (mokutil --import MOK.der, reboot, confirm), or sign with an enrolled one: ${sign}; see docs/secure-boot.md`
    : `${MAKE_KEY}; ${sign}; see docs/secure-boot.md`;
}

const withLog = (failure: InsmodFailure): string =>
  failure.kernelLog === '' ? failure.said : `${failure.said}; the kernel log: ${failure.kernelLog}`;

/** Turns a failure of insmod into an error that says what stands in the way. */
export function insmodError(failure: InsmodFailure): MpuError {
  const { said, kernelLog, restrictions, capable, file } = failure;
  const what = `the kernel does not take ${file.path}`;
  const secureBoot = restrictions.secureBoot === 'on' ? 'Secure Boot is on; ' : '';
  // Debian and Ubuntu: "Loading of unsigned module is rejected"; lockdown: "Lockdown: insmod: unsigned module loading is restricted".
  const locked =
    /Lockdown: .*module|Loading of unsigned module is rejected/i.test(kernelLog) ||
    (restrictions.lockdown !== 'none' && restrictions.lockdown !== 'unknown');

  if (/Key was rejected|Required key not available|Key has been revoked|Key has expired|Bad message/i.test(said)) {
    const state = file.signed
      ? 'its signature is by a key that the kernel does not know'
      : 'it is not signed, and the kernel takes signed modules only';
    return new MpuError({
      code: 'signature-refused',
      what,
      why: `${secureBoot}${state} (${said})`,
      next: signing(failure),
      exitCode: ExitCode.permission,
    });
  }
  if (/Operation not permitted|Permission denied/i.test(said)) {
    if (!capable) {
      return new MpuError({
        code: 'permission-denied',
        what,
        why: 'it needs CAP_SYS_MODULE',
        next: `sudo mpu module load${failure.flags}`,
        exitCode: ExitCode.permission,
      });
    }
    if (restrictions.modulesDisabled) {
      return new MpuError({
        code: 'modules-disabled',
        what,
        why: 'kernel.modules_disabled is 1: no module can be loaded until the next boot',
        next: 'reboot without that setting (grep -r modules_disabled /etc/sysctl.d), then: mpu module load',
        exitCode: ExitCode.permission,
      });
    }
    if (locked && !file.signed) {
      return new MpuError({
        code: 'lockdown',
        what,
        why: `${secureBoot}kernel lockdown takes signed modules only (${withLog(failure)})`,
        next: signing(failure),
        exitCode: ExitCode.permission,
      });
    }
    return new MpuError({
      code: 'permission-denied',
      what,
      why: `a security policy forbids it (${withLog(failure)})`,
      next: 'run it on the host as root, outside of containers and sandboxes',
      exitCode: ExitCode.permission,
    });
  }
  if (/Invalid module format|Exec format error/i.test(said)) {
    return new MpuError({
      code: 'module-mismatch',
      what,
      why: `it was built for another kernel (${withLog(failure)})`,
      next: `mpu module build${failure.flags}, then: mpu module load${failure.flags}`,
    });
  }
  if (/File exists/i.test(said)) return foreignModule(what);
  if (/Unknown symbol/i.test(said)) {
    return new MpuError({
      code: 'kernel-unsupported',
      what,
      why: `the kernel lacks something that it needs (${withLog(failure)})`,
      next: 'use a kernel of your distribution, 5.4 or later',
      exitCode: ExitCode.hostUnsupported,
    });
  }
  return new MpuError({ code: 'load-failed', what, why: withLog(failure), next: 'look at the end of dmesg' });
}

/** Lines of the kernel log that may be about loading mpu.ko; empty where the log may not be read. */
async function kernelLog(): Promise<string> {
  if ((await findProgram('dmesg')) === undefined) return '';
  const result = await runProgram('dmesg', [], 'cannot read the kernel log');
  const lines = result.stdout.toString().split('\n').slice(-50);
  return lines
    .filter((line) => /\bmpu\b|Lockdown: |Loading of (unsigned )?module/.test(line))
    .slice(-2)
    .map((line) => line.replace(/^\[[^\]]*\]\s*/, ''))
    .join('; ');
}

/** Finds out why insmod failed. */
export async function explainInsmod(host: Host, result: ProcessResult, file: ModuleFile): Promise<MpuError> {
  return insmodError({
    said: lastLines(result, 1),
    kernelLog: await kernelLog(),
    file,
    restrictions: await readRestrictions(host),
    capable: await mayLoadModules(host),
    flags: host.flags,
  });
}
