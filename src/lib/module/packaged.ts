// SPDX-License-Identifier: GPL-2.0-only
/** What a Debian package has brought is the package manager's to change. */
import { stat } from 'node:fs/promises';
import { MpuError } from '../errors.js';
import type { Host } from '../system/host.js';
import { findProgram, runProgram } from '../system/program.js';

/** The package that has a path of the system; undefined when none has. */
async function packageOf(host: Host, path: string): Promise<string | undefined> {
  const database = await host.resolve('/var/lib/dpkg');
  const isThere = await stat(database).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isThere || (await findProgram('dpkg-query')) === undefined) return undefined;
  const result = await runProgram(
    'dpkg-query',
    [`--admindir=${database}`, '--search', path],
    `cannot ask whose ${path} is`,
  );
  return result.status === 0 ? result.stdout.toString().split(':')[0] : undefined;
}

/** Throws when a package has brought the sources of one of these versions to /usr/src. */
export async function checkNotPackaged(host: Host, what: string, versions: Iterable<string>): Promise<void> {
  for (const version of versions) {
    const path = `/usr/src/mpu-${version}`;
    const owner = await packageOf(host, path);
    if (owner === undefined) continue;
    throw new MpuError({
      code: 'package-owned',
      what,
      why: `the package ${owner} has installed it: ${host.path(path)} is a part of that`,
      next: host.isThisSystem ? `sudo apt-get remove ${owner}` : `chroot ${host.root} apt-get remove ${owner}`,
    });
  }
}
