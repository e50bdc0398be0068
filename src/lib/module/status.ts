// SPDX-License-Identifier: GPL-2.0-only
/** Everything there is to know about mpu.ko on a system. Needs no privilege and changes nothing. */
import { join } from 'node:path';
import { MpuError } from '../errors.js';
import { isLoadedAtBoot } from './boot-files.js';
import { cacheDirectory } from './build.js';
import { Dkms, type DkmsEntry } from './dkms.js';
import { Host, type HostOptions } from '../system/host.js';
import { findHeaders } from './kernel-build.js';
import { allModules } from './modules-directory.js';
import { loadedModule, type LoadedModule, type Query } from './loaded-module.js';
import { readModuleFile, type InstalledModule, type ModuleFile } from './module-file.js';
import { readRestrictions, type Restrictions } from './restrictions.js';
import { sourceVersion } from './source.js';

/** The state of the module on a system. */
export interface ModuleStatus {
  /** Kernel that was asked about. */
  kernel: string;
  running: string;
  /** Version that this package builds. */
  version: string;
  loaded: LoadedModule;
  /** Every mpu.ko below /lib/modules, also those of other projects. */
  installed: InstalledModule[];
  /** Undefined where there is no DKMS, or it cannot be asked. */
  dkms?: DkmsEntry[];
  /** Whether it is loaded at boot. */
  atBoot: boolean;
  /** What was built for the kernel. */
  built?: ModuleFile;
  /** The headers of the kernel. */
  headers?: string;
  restrictions: Restrictions;
}

/**
 * Looks at everything, by default on the system that runs. Throws an MpuError (`usage`) for a root that is no
 * directory or a release that is none; what cannot be found out is left out.
 */
export async function moduleStatus(system: Host | HostOptions = {}, query?: Query): Promise<ModuleStatus> {
  const host = system instanceof Host ? system : await Host.open(system);
  const installed = await allModules(host);
  // dkms wants root; without, its modules are among the installed ones all the same.
  const dkms = await Dkms.find(host)
    .then((found) => found?.status())
    .catch(() => undefined);
  const headers = await findHeaders(host);
  // The cache may be another user's, and what lies there may be half of a file: it is built again when it is needed.
  const built = await readModuleFile(join(cacheDirectory(host), host.kernel, 'mpu.ko')).catch((error: unknown) => {
    if (error instanceof MpuError) return undefined;
    throw error;
  });
  return {
    kernel: host.kernel,
    running: host.running,
    version: await sourceVersion(),
    loaded: await loadedModule(host, query),
    installed,
    ...(dkms === undefined ? {} : { dkms }),
    atBoot: await isLoadedAtBoot(host),
    ...(built === undefined ? {} : { built }),
    ...(headers === undefined ? {} : { headers }),
    restrictions: await readRestrictions(host),
  };
}
