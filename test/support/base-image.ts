// SPDX-License-Identifier: GPL-2.0-only
/** Real Debian (or Ubuntu) file systems for images, made from the packages that this system's apt uses. */
import { createHash } from 'node:crypto';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { debianMirrors, readSystemSources } from '#mpu/lib/nvidia-clients/apt-sources.js';
import { messageOf } from '#mpu/lib/errors.js';
import { isMirrorDown } from '#mpu/lib/nvidia-clients/apt-download.js';
import { retry } from '#mpu/lib/system/retry.js';
import { publish, withLock, withScratch } from '#mpu/lib/system/download-cache.js';
import { check, checkout } from './mpu.js';

const CACHE = join(checkout, '.cache', 'base-images');

/**
 * A file system as a tar archive: the essential packages, and those of `include` (`NAME` or
 * `NAME:ARCHITECTURE`). Made once (about 20 s) and kept in .cache/.
 */
export async function baseImage(include: readonly string[]): Promise<string> {
  const system = await readSystemSources();
  const source = debianMirrors(system)[0] ?? system[0];
  const [uri, suite] = [source?.uris[0], source?.suites[0]];
  if (source === undefined || uri === undefined || suite === undefined) throw new Error('apt has no package source');
  const foreign = include.flatMap((name) => name.split(':').slice(1));
  const native = (await check('dpkg', ['--print-architecture'])).trim();
  const architectures = [...new Set([native, ...foreign])].join(',');
  const keyring = source.signedBy?.startsWith('/') === true ? `[signed-by=${source.signedBy}] ` : '';
  const args = [
    '--variant=essential',
    `--architectures=${architectures}`,
    ...(include.length > 0 ? [`--include=${include.join(',')}`] : []),
    suite,
  ];
  const line = `deb ${keyring}${uri} ${suite} main`;
  const key = createHash('sha256')
    .update(JSON.stringify([args, line]))
    .digest('hex')
    .slice(0, 12);
  const place = join(CACHE, `${suite}-${key}.tar`);
  const isThere = (): Promise<boolean> =>
    access(place).then(
      () => true,
      () => false,
    );
  await withLock(join(CACHE, 'lock'), async () => {
    if (await isThere()) return;
    await withScratch(CACHE, async (scratch) => {
      const archive = join(scratch, 'image.tar');
      await retry(
        () => check('mmdebstrap', ['--quiet', ...args, archive, line]),
        (error) => isMirrorDown(messageOf(error)),
      );
      await publish(archive, place);
    });
  });
  return place;
}
