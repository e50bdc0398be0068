// SPDX-License-Identifier: GPL-2.0-only
/** Paths of a system that lies below a directory, as that system would take them. */
import { readlink } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { errnoName, fileError } from '../errors.js';

/** The most links to follow before a path counts as a loop; the kernel's own limit. */
const MAX_LINKS = 40;

/**
 * Where a path of the system below `root` is seen from here, with all links followed as that system would; the last part
 * need not exist. Rejects with an MpuError for a loop, and for what cannot be looked at.
 */
export async function resolveBelow(root: string, path: string): Promise<string> {
  let pending = path.split('/').filter((part) => part !== '');
  let at = '/';
  let links = 0;
  while (pending.length > 0) {
    const [part = '', ...rest] = pending;
    pending = rest;
    const next = part === '..' ? dirname(at) : join(at, part);
    const target = await readlink(join(root, next)).catch((error: unknown) => {
      if (['EINVAL', 'ENOENT', 'ENOTDIR'].includes(errnoName(error) ?? '')) return undefined;
      throw fileError(error, `cannot look at ${join(root, next)}`);
    });
    if (target === undefined) {
      at = next;
      continue;
    }
    if (++links > MAX_LINKS) throw fileError(new Error('too many links'), `cannot look at ${join(root, path)}`);
    if (target.startsWith(sep)) at = '/';
    pending = [...target.split('/').filter((name) => name !== '' && name !== '.'), ...pending];
  }
  return join(root, at);
}
