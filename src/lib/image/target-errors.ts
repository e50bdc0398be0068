// SPDX-License-Identifier: GPL-2.0-only
/** Refusals that protect images which exist already. */
import { ExitCode, MpuError, usageError } from '../errors.js';
import type { EngineName } from './types.js';
import type { ImageReference } from './reference.js';
import { parseRegistryReference } from './registry-reference.js';

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

/** Rejects options that make no sense for the place an image lies in. */
export function checkOptions(
  { kind, text }: ImageReference,
  { engine, output, pushTo }: { engine?: EngineName; output?: string; pushTo?: string },
): void {
  if (kind !== 'engine' && engine !== undefined) {
    throw usageError(`cannot take ${text} from ${engine}`, 'it is in no engine', 'leave out --engine');
  }
  if (output !== undefined && kind !== 'oci-archive' && kind !== 'docker-archive') {
    throw usageError(
      `cannot write the new image of ${text} to an archive`,
      '--output is for images that come out of archives',
      'leave out --output, or name the new image with --tag',
    );
  }
  if (pushTo === undefined) return;
  parseRegistryReference(pushTo);
  if (kind !== 'registry') {
    throw usageError(
      `cannot push what is made of ${text}`,
      '--push-to is for images of registries',
      `leave out --push-to, then: skopeo copy NEW-IMAGE ${pushTo}`,
    );
  }
}
