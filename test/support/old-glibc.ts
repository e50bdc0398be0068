// SPDX-License-Identifier: GPL-2.0-only
/** The oldest glibc that the package archive has, with a few programs: Debian bullseye's, 2.31. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { publish, withLock, withScratch } from '#mpu/lib/system/download-cache.js';
import { unpackFromDebian } from './debian-packages.js';
import { checkout } from './mpu.js';

const CACHE = join(checkout, '.cache', 'glibc');
const SUITE = 'bullseye';

/** The root directory of its system. Fetched once and kept in .cache/. */
export async function oldGlibc(): Promise<string> {
  const place = join(CACHE, SUITE);
  await withLock(join(CACHE, 'lock'), async () => {
    if (
      await access(place).then(
        () => true,
        () => false,
      )
    )
      return;
    await withScratch(CACHE, async (scratch) => {
      await unpackFromDebian([[SUITE]], ['libc6', 'coreutils'], join(scratch, 'root'), join(scratch, 'apt'));
      await publish(join(scratch, 'root'), place);
    });
  });
  return place;
}
