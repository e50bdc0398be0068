// SPDX-License-Identifier: GPL-2.0-only
/** What mpu notes in an image that it has injected. */

/** Labels of an injected image. */
export const Label = {
  /** Version of mpu that injected it. */
  version: 'dev.mpu.version',
  /** Digest or id of the image it was made from. */
  base: 'dev.mpu.base',
  /** Digest of the uncompressed layer that was added. */
  layer: 'dev.mpu.layer',
  /** Digest of what was to be added, without time stamps and before it was fitted to the image. */
  content: 'dev.mpu.content',
  /** Number of layers with that one: an image built on this one has more. */
  layers: 'dev.mpu.layers',
} as const;

/** The labels for an image made from `base`, with `layer` as its layer number `layers`. */
export function injectionLabels(version: string, base: string, layer: string, layers: number): Record<string, string> {
  return { [Label.version]: version, [Label.base]: base, [Label.layer]: layer, [Label.layers]: String(layers) };
}

/** Tells an image that mpu made from one that somebody built on it: that has more than the noted number of layers. */
export function isMadeByMpu(labels: Readonly<Record<string, unknown>>, layers: number): boolean {
  return labels[Label.layers] === String(layers);
}

/** Names of mpu's labels and annotations. */
export const LABEL_NAMES: readonly string[] = Object.values(Label);
