// SPDX-License-Identifier: GPL-2.0-only
/** Refusals that protect images which exist already. */
import { ExitCode, MpuError } from './errors.js';

/** The new image would take the source's name. */
export function sameTagError(source: string, verb = 'inject'): MpuError {
  return new MpuError({
    code: 'target-is-source',
    what: `cannot give the new image the name ${source}`,
    why: 'it is the name of the source, which mpu never moves',
    next: `mpu ${verb} ${source}`,
    exitCode: ExitCode.usage,
  });
}

/** The name for the new image belongs to an image that mpu did not make. */
export function targetExistsError(target: string, source: string, verb = 'inject'): MpuError {
  return new MpuError({
    code: 'target-exists',
    what: `cannot make ${target}`,
    why: 'an image of that name exists, and mpu did not make it from this one',
    next: `mpu ${verb} ${source} --tag OTHER, or with --force to replace it`,
  });
}
