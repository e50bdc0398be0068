// SPDX-License-Identifier: GPL-2.0-only
/** Checking what a registry sends against its digest. */
import { createHash, type Hash } from 'node:crypto';
import { parseDigest } from '../image/digest.js';
import { contentError } from './errors.js';

/** Computes what a digest should be. Throws the error of `what` for text that is no digest, as before it becomes a path. */
export function digester(digest: string, what: string): { hash: Hash; expected: string } {
  const parsed = parseDigest(digest);
  if (parsed === undefined) throw contentError(what, `${JSON.stringify(digest)} is no digest that is known`);
  return { hash: createHash(parsed.algorithm), expected: parsed.expected };
}

/** Where a blob or manifest is found by its digest. */
export function atDigest(kind: 'blobs' | 'manifests', digest: string, what: string): string {
  digester(digest, what);
  return `${kind}/${digest}`;
}
