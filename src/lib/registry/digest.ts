// SPDX-License-Identifier: GPL-2.0-only
/** Digests of contents (image-spec, descriptor.md). */
import { createHash, type Hash } from 'node:crypto';

const LENGTHS: Record<string, number> = { sha256: 64, sha512: 128 };

/** Computes what a digest should be; undefined for text that is no digest of a known kind. */
export function digester(digest: string): { hash: Hash; expected: string } | undefined {
  const [, algorithm = '', expected = ''] = /^([a-z0-9]+):([0-9a-f]+)$/.exec(digest) ?? [];
  return LENGTHS[algorithm] === expected.length && expected !== '' ? { hash: createHash(algorithm), expected } : undefined;
}
