// SPDX-License-Identifier: GPL-2.0-only
/** Programs of the system: found also where an unprivileged PATH does not look, run with English messages. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { ExitCode, MpuError } from '../errors.js';
import { runProcess, type ProcessResult } from './run-process.js';

/** sudo and su may leave these out of PATH, where insmod, depmod and dkms lie. */
const SYSTEM_DIRECTORIES = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'];

/** The path of a program, undefined when there is none of that name. */
export async function findProgram(name: string): Promise<string | undefined> {
  const directories = [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_DIRECTORIES];
  for (const directory of directories.filter((entry) => entry !== '')) {
    const path = join(directory, name);
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}

/** Which Debian package has a program; other distributions mostly use the same name. */
const PACKAGES: Record<string, string> = {
  insmod: 'kmod',
  rmmod: 'kmod',
  depmod: 'kmod',
  chroot: 'coreutils',
  xz: 'xz-utils',
};

/** The error of a program that is needed and missing. */
export function programMissing(name: string, what: string): MpuError {
  return new MpuError({
    code: 'program-missing',
    what,
    why: `there is no ${name} in PATH`,
    next: `install the package ${PACKAGES[name] ?? name}`,
    exitCode: ExitCode.hostUnsupported,
  });
}

/** Runs a program of the system to its end, whatever its exit status. Throws {@link programMissing}. */
export async function runProgram(
  name: string,
  args: readonly string[],
  what: string,
  options: { signal?: AbortSignal | undefined; env?: NodeJS.ProcessEnv } = {},
): Promise<ProcessResult> {
  const path = await findProgram(name);
  if (path === undefined) throw programMissing(name, what);
  const env = { ...(options.env ?? process.env), LC_ALL: 'C' };
  return runProcess(path, args, { env, signal: options.signal });
}

/** The last lines of what a program said, joined to one for an error. */
export function lastLines(result: Pick<ProcessResult, 'stdout' | 'stderr'>, count = 3): string {
  const lines = `${result.stdout.toString()}\n${result.stderr}`.split('\n').map((line) => line.trim());
  return lines
    .filter((line) => line !== '')
    .slice(-count)
    .join('; ');
}
