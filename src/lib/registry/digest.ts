// SPDX-License-Identifier: GPL-2.0-only
/** Digests of contents (image-spec, descriptor.md). */
import { createHash, type Hash } from 'node:crypto';
import { contentError } from './errors.js';

/** Hexadecimal digits by algorithm. */
const LENGTHS: Record<string, number> = { sha256: 64, sha512: 128 };

function parse(digest: string): { algorithm: string; expected: string } | undefined {
  const [, algorithm = '', expected = ''] = /^([a-z0-9]+):([0-9a-f]+)$/.exec(digest) ?? [];
  return LENGTHS[algorithm] === expected.length && expected !== '' ? { algorithm, expected } : undefined;
}

/** Whether text is a digest of a known kind. */
export function isDigest(text: string): boolean {
  return parse(text) !== undefined;
}

/** Computes what a digest should be. Throws the error of `what` for text that is no digest, as before it becomes a path. */
export function digester(digest: string, what: string): { hash: Hash; expected: string } {
  const parsed = parse(digest);
  if (parsed === undefined) throw contentError(what, `${JSON.stringify(digest)} is no digest that is known`);
  return { hash: createHash(parsed.algorithm), expected: parsed.expected };
}

/** Where a blob or manifest is found by its digest. */
export function atDigest(kind: 'blobs' | 'manifests', digest: string, what: string): string {
  digester(digest, what);
  return `${kind}/${digest}`;
}
