// SPDX-License-Identifier: GPL-2.0-only
/** A host on which the BPF iterator can be tried. */
import { existsSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { lacking } from '../support/engines.js';
import { checkout } from '../support/mpu.js';

/** test/pidns/reader.c, built. */
export const READER = join(checkout, 'build', 'test', 'pidns', 'pidns-reader');

const INITIAL = 'pid:[4026531836]';

/** Returns why the iterator cannot be tried here; false where it can. */
export async function lackingIterator(programs: readonly string[]): Promise<string | false> {
  const missing = await lacking([...programs], true);
  if (missing !== false) return missing;
  if (readlinkSync('/proc/self/ns/pid') !== INITIAL) return 'NOT TESTED: this is not the initial PID namespace';
  return existsSync('/sys/kernel/btf/vmlinux') ? false : 'NOT TESTED: this kernel has no BTF';
}
