// SPDX-License-Identifier: GPL-2.0-only
/** The end of every edit: the new image gets its name, unless that belongs to another one. */
import { throwIfInterrupted } from '../errors.js';
import { sameTagError, targetExistsError } from '../image/target-errors.js';
import type { Descriptor } from './descriptor.js';
import type { ImageStore, ImageTarget } from './image-store.js';
import type { TargetRequest } from '../image/target-names.js';

/** What decides whether a name is given. */
export interface PublishOptions extends TargetRequest {
  /** Take the name from an image that mpu did not make. */
  force?: boolean | undefined;
  signal?: AbortSignal;
}

/** What became of the name. */
export type Published =
  /** Nothing was to be made, and no name was asked for. */
  { outcome: 'left' } | { outcome: 'created' | 'replaced' | 'unchanged'; image: string; digest: string };

/** The target of a store's image; throws a usage error where that would be the source. */
export function targetOf(store: ImageStore, request: TargetRequest): ImageTarget {
  const target = store.target(request);
  if (target.isSource) throw sameTagError(store.name, request.verb);
  return target;
}

/**
 * Gives the target's name to an image that was added to a store; where nothing was (`edited` is undefined),
 * to the source, if the user asked for a name. Rejects rather than take a name from another image.
 */
export async function publish(
  store: ImageStore,
  target: ImageTarget,
  edited: Descriptor | undefined,
  { tag, output, pushTo, verb, force, signal }: PublishOptions,
): Promise<Published> {
  const isNamed = [tag, output, pushTo].some((name) => name !== undefined);
  if (edited === undefined && !isNamed) return { outcome: 'left' };
  const image = edited ?? store.descriptor;
  const published = { image: target.name, digest: image.digest };
  const existing = await target.existing();
  if (existing?.digest === image.digest) return { ...published, outcome: 'unchanged' };
  if (existing?.isMadeByMpu === false && force !== true) throw targetExistsError(target.name, store.name, verb);
  throwIfInterrupted(signal);
  await target.commit(image, verb === 'inject');
  return { ...published, outcome: existing === undefined ? 'created' : 'replaced' };
}
