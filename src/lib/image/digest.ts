// SPDX-License-Identifier: GPL-2.0-only
/** Digests of contents (image-spec, descriptor.md). */
import { createHash } from 'node:crypto';

/** Hexadecimal digits by algorithm. */
const LENGTHS: Record<string, number> = { sha256: 64, sha512: 128 };

/** The parts of a digest of a known kind; undefined for other text. */
export function parseDigest(digest: string): { algorithm: string; expected: string } | undefined {
  const [, algorithm = '', expected = ''] = /^([a-z0-9]+):([0-9a-f]+)$/.exec(digest) ?? [];
  return LENGTHS[algorithm] === expected.length && expected !== '' ? { algorithm, expected } : undefined;
}

/** Whether text is a digest of a known kind. */
export function isDigest(text: string): boolean {
  return parseDigest(text) !== undefined;
}

/** The digest of bytes as descriptors write it. */
export function sha256(data: Buffer): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

/** Whether bytes are what a digest says. */
export function matchesDigest(data: Buffer, digest: string): boolean {
  const parsed = parseDigest(digest);
  if (parsed === undefined) return false;
  return createHash(parsed.algorithm).update(data).digest('hex') === parsed.expected;
}
