// SPDX-License-Identifier: GPL-2.0-only
/** The name of a new image in a registry. */
import { ExitCode, MpuError } from '../errors.js';
import type { TargetRequest } from '../oci/image-store.js';
import { defaultTag } from './reference.js';
import { REGISTRY_TRANSPORT, isTag, parseRegistryReference, type RegistryReference } from './registry-reference.js';

function unusable(what: string, why: string, next: string): MpuError {
  return new MpuError({ code: 'usage', what, why, next, exitCode: ExitCode.usage });
}

/**
 * Where a new image goes: to the repository of `--push-to`, else to that of the source. Its tag is that of `--push-to`
 * or of `--tag` (`TAG`, or `docker://` with the same repository), else the {@link defaultTag} after the source's.
 */
export function registryTarget(
  source: RegistryReference,
  { verb, tag: wanted, pushTo }: TargetRequest,
): { place: RegistryReference; tag: string } {
  const place = pushTo === undefined ? source : parseRegistryReference(pushTo);
  const what = `cannot name the new image of ${source.text}`;
  if (pushTo !== undefined && place.digest !== undefined) {
    const next = `mpu ${verb} ${source.text} --push-to ${REGISTRY_TRANSPORT}HOST/NAME:TAG`;
    throw unusable(what, 'the digest of the new image is not known before', next);
  }
  let tag = wanted;
  if (wanted?.startsWith(REGISTRY_TRANSPORT) === true) {
    const named = parseRegistryReference(wanted);
    if (named.host !== place.host || named.repository !== place.repository || named.digest !== undefined) {
      throw unusable(
        what,
        '--tag names a tag of the same repository',
        `mpu ${verb} ${source.text} --push-to ${wanted}`,
      );
    }
    tag = named.tag;
  }
  const pushed = pushTo !== undefined && place.isTagged ? place.tag : undefined;
  if (tag !== undefined && pushed !== undefined && tag !== pushed) {
    throw unusable(what, `--tag says ${tag}, --push-to says ${pushed}`, 'leave one of them out');
  }
  const name = tag ?? pushed ?? (source.tag === undefined ? undefined : defaultTag(source.tag, verb));
  if (name === undefined)
    throw unusable(what, 'the source is named by its digest', `mpu ${verb} ${source.text} --tag TAG`);
  if (!isTag(name)) throw unusable(what, `${JSON.stringify(name)} is no tag`, `mpu ${verb} ${source.text} --tag TAG`);
  return { place, tag: name };
}
