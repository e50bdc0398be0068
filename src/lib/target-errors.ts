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

/** An archive was named for an image that lies in none. */
export function outputError(source: string): MpuError {
  return new MpuError({
    code: 'usage',
    what: `cannot write the new image of ${source} to an archive`,
    why: '--output is for images that come out of archives',
    next: 'leave out --output, or name the new image with --tag',
    exitCode: ExitCode.usage,
  });
}

/** A place for the new image that only images of registries can go to. */
export function pushToError(source: string, pushTo: string): MpuError {
  return new MpuError({
    code: 'usage',
    what: `cannot push what is made of ${source}`,
    why: '--push-to is for images of registries',
    next: `leave it out, then: skopeo copy NEW-IMAGE ${pushTo}`,
    exitCode: ExitCode.usage,
  });
}
