// SPDX-License-Identifier: GPL-2.0-only
/** Runs mpu-pidns (bpf/loader), which makes the system calls that Node.js lacks. */
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { ExitCode, MpuError } from '../errors.js';
import { packageRoot } from '../package/root.js';
import { hostArchitecture } from '../payload/libraries.js';
import { lastLines } from '../system/program.js';
import { runProcess } from '../system/run-process.js';

/** A step of the loader that failed. */
export interface LoaderFailure {
  /** `namespace`, `btf`, `load`, `link`, `directory`, `mount`, `pin`, `remount`, `file` or `bind`. */
  step: string;
  /** Name of the error: `EPERM`, ... */
  errno: string;
  /** The verifier's reason, or a structure that the kernel lacks; mostly empty. */
  detail: string;
}

/** Words that the loader prints, or the step that failed. */
export type LoaderResult = { words: string[] } | { failure: LoaderFailure };

const FAILURE = /^mpu-pidns: (\w+): errno (\d+): (.*)$/m;

async function findLoader(what: string): Promise<string> {
  const path = join(packageRoot, 'build', 'bpf', hostArchitecture() ?? process.arch, 'mpu-pidns');
  const exists = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (exists) return path;
  throw new MpuError({
    code: 'loader-missing',
    what,
    why: `${path} does not exist`,
    next: `build it: npm --prefix ${packageRoot} run build`,
    exitCode: ExitCode.hostUnsupported,
  });
}

/** Runs the loader. Rejects with an MpuError when it is missing or its output makes no sense. */
export async function runLoader(args: readonly string[], what: string): Promise<LoaderResult> {
  const result = await runProcess(await findLoader(what), args);
  if (result.status === 0) return { words: result.stdout.toString().trim().split(' ') };
  const [, step = '', errno = '', detail = ''] = FAILURE.exec(result.stderr) ?? [];
  if (step === '') {
    throw new MpuError({ code: 'loader-failed', what, why: lastLines(result), next: 'run it again' });
  }
  return { failure: { step, errno: getSystemErrorName(-Number(errno)), detail } };
}
