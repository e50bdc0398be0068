// SPDX-License-Identifier: GPL-2.0-only
/** nvtop from Debian bookworm, with its own libc, so that it runs alike on every system. */
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PrivateApt } from '#mpu/lib/nvidia-clients/apt-download.js';
import { debianMirrors, readSystemSources } from '#mpu/lib/nvidia-clients/apt-sources.js';
import { publish, withLock, withScratch } from '#mpu/lib/system/download-cache.js';
import { terminalProgress } from '#mpu/lib/nvidia-clients/nvidia-clients.js';

/** The release that is tested. */
export const NVTOP_VERSION = '3.0.1';

/** The command that starts nvtop, the libraries of `libraries` (NVML) before its own. */
export type NvtopCommand = (libraries: string) => string[];

async function findLoader(root: string): Promise<{ loader: string; directories: string[] }> {
  const entries = await readdir(root, { recursive: true });
  const loader = entries.find((path) => /(^|\/)ld-linux[^/]*\.so\.\d+$/.test(path));
  if (loader === undefined) throw new Error(`no dynamic loader in ${root}`);
  const directories = entries.filter((path) => /^(usr\/)?lib\/[^/]+-linux-gnu[^/]*$/.test(path));
  return { loader: join(root, loader), directories: directories.map((path) => join(root, path)) };
}

/**
 * nvtop from `cacheDirectory`, or else downloaded into it. Undefined on a system whose apt knows
 * no Debian mirror: there it cannot be had in this release.
 */
export async function fetchNvtop(cacheDirectory: string): Promise<NvtopCommand | undefined> {
  const root = join(cacheDirectory, 'nvtop');
  const place = join(root, NVTOP_VERSION);
  const program = join(place, 'usr', 'bin', 'nvtop');
  const present = (): Promise<boolean> =>
    access(program).then(
      () => true,
      () => false,
    );
  if (!(await present())) {
    const [mirror] = debianMirrors(await readSystemSources());
    if (mirror === undefined) return undefined;
    await withLock(join(cacheDirectory, 'nvtop.lock'), async () => {
      if (await present()) return;
      await withScratch(root, async (scratch) => {
        terminalProgress(`nvtop ${NVTOP_VERSION}: downloading`);
        const source = { ...mirror, suites: ['bookworm'], components: ['main', 'contrib'] };
        const apt = await PrivateApt.open(join(scratch, 'apt'), [source]);
        const version = (await apt.versions(['nvtop'])).find((offer) => offer.version.startsWith(NVTOP_VERSION));
        if (version === undefined) throw new Error(`bookworm offers no nvtop ${NVTOP_VERSION}; ${apt.complaints}`);
        const unpacked = join(scratch, 'root');
        await apt.unpackWithDependencies(version, unpacked);
        await publish(unpacked, place);
      });
    });
  }
  const { loader, directories } = await findLoader(place);
  return (libraries) => [loader, '--library-path', [libraries, ...directories].join(':'), program];
}
