// SPDX-License-Identifier: GPL-2.0-only
/** Why an engine cannot be used, or did not do what it was asked for. */
import { ExitCode, MpuError, errnoName, messageOf } from '../errors.js';
import type { EngineName } from '../image/types.js';

const DENIED = /permission denied/i;
const NOT_RUNNING =
  /cannot connect to the docker daemon|is the docker daemon running|error during connect|connection refused|cannot access containerd socket/i;

const PACKAGES: Partial<Record<EngineName, string>> = { docker: 'docker.io' };

/** The end of what a program said, on one line. */
export function lastWords(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('DEPRECATED'));
  return lines.slice(-3).join(' ').trim() || 'it gave no reason';
}

/** The error of an engine that is not there. */
export function missingError(name: EngineName, error: unknown): MpuError {
  const absent = errnoName(error) === 'ENOENT';
  return new MpuError({
    code: 'engine-missing',
    what: `cannot use ${name}`,
    why: absent ? `there is no ${name} in PATH` : messageOf(error),
    next: `install it (package ${PACKAGES[name] ?? name}), or use an OCI layout: mpu inject oci:DIR:TAG`,
    exitCode: absent ? ExitCode.hostUnsupported : ExitCode.permission,
    cause: error,
  });
}

/** The error of an engine that is there and says nothing. */
export function silentError(name: EngineName, limit: number): MpuError {
  return new MpuError({
    code: 'engine-down',
    what: `cannot use ${name}`,
    why: `it gave no answer for ${limit / 1000} s`,
    next: `see why ${name} info hangs, or use another engine: --engine NAME`,
    exitCode: ExitCode.hostUnsupported,
  });
}

/** The error of an engine that failed at something; `hasDaemon`: another program does the work. */
export function engineError(name: EngineName, hasDaemon: boolean, what: string, why: string): MpuError {
  if (hasDaemon && DENIED.test(why) && /socket|daemon/i.test(why)) {
    return new MpuError({
      code: 'engine-denied',
      what: `cannot use ${name}`,
      why,
      next: 'run it with sudo, or join the group of the socket: sudo usermod -aG docker "$USER", then log in again',
      exitCode: ExitCode.permission,
    });
  }
  if (hasDaemon && NOT_RUNNING.test(why)) {
    const next =
      name === 'nerdctl'
        ? 'sudo systemctl start containerd'
        : 'sudo systemctl start docker, or set DOCKER_HOST to where it listens';
    return new MpuError({
      code: 'engine-down',
      what: `cannot use ${name}`,
      why,
      next,
      exitCode: ExitCode.hostUnsupported,
    });
  }
  return new MpuError({
    code: 'engine-failed',
    what: `cannot ${what}`,
    why: `${name}: ${why}`,
    next: `${name} info shows whether it works; then run it again`,
    exitCode: DENIED.test(why) ? ExitCode.permission : ExitCode.failed,
  });
}
