// SPDX-License-Identifier: GPL-2.0-only
/** Whether DKMS, or anything else, gives the kernels of a host their mpu.ko: this one and those of the next boots. */
import { existsSync } from 'node:fs';
import { Dkms } from '../module/dkms.js';
import type { Host } from '../system/host.js';
import { kernelReleases } from '../module/module-file.js';
import type { ModuleStatus } from '../module/status.js';
import { info, ok, warn, type Finding } from './check.js';
import { isNewer } from '../system/kernel-release.js';

/** What the status of the module does not say of DKMS. */
export interface DkmsState {
  /** Whether it is installed, even if it could not be asked. */
  isThere: boolean;
  /** Installed kernels that are later than the running one: one of them boots next. */
  newerKernels: string[];
}

/** Looks at a system. */
export async function findDkms(host: Host): Promise<DkmsState> {
  const releases = await kernelReleases(host).catch((): string[] => []);
  const kernels: string[] = [];
  // Of a kernel that was removed, modules of others may have stayed.
  for (const release of releases)
    if (existsSync(await host.resolve(`/lib/modules/${release}/modules.order`))) kernels.push(release);
  return {
    isThere: (await Dkms.find(host)) !== undefined,
    newerKernels: kernels.filter((release) => isNewer(release, host.running)),
  };
}

/** Kernels of the next boots that have no mpu.ko. */
function forgotten({ installed }: ModuleStatus, { newerKernels }: DkmsState): string[] {
  return newerKernels.filter((release) => !installed.some((file) => file.ours && file.release === release));
}

/** The finding where DKMS does not have mpu, or cannot say so. */
function withoutDkms(module: ModuleStatus, state: DkmsState, isNeeded: boolean): Finding {
  if (state.isThere && module.dkms === undefined) {
    return process.getuid?.() === 0
      ? warn('there, and cannot be asked', 'dkms status mpu, which says why')
      : info('there, and answers to root alone', 'sudo mpu doctor');
  }
  const isUsed = module.loaded.owner === 'mpu' || module.installed.some(({ ours }) => ours) || isNeeded;
  const why = state.isThere ? 'there, and does not have mpu' : 'not installed';
  if (!isUsed) return info(why);
  const install = `${state.isThere ? '' : 'install the package dkms, then: '}sudo mpu module install`;
  const missing = forgotten(module, state);
  if (missing.length > 0) return warn(`${why}, and ${missing.join(', ')} has no mpu.ko`, install);
  return info(`${why}: a new kernel gets no mpu.ko by itself`, install);
}

/** The check. `isNeeded`: this kernel has no translator but mpu.ko. */
export function checkDkms(module: ModuleStatus, state: DkmsState, isNeeded: boolean): Finding {
  const { dkms = [], running, version } = module;
  if (dkms.length === 0) return withoutDkms(module, state, isNeeded);
  const here = dkms.find(({ kernel, state: built }) => kernel === running && built === 'installed');
  if (here === undefined)
    return warn(`has mpu, but not for ${running}`, 'sudo dkms autoinstall, then: sudo mpu module load');
  if (here.version !== version)
    return warn(`${here.version} is installed for ${running}, and this mpu is ${version}`, 'sudo mpu module install');
  const missing = forgotten(module, state);
  if (missing.length > 0)
    return warn(
      `${here.version} is installed for ${running}, but not for ${missing.join(', ')}, which may boot next`,
      `sudo dkms autoinstall -k ${missing[0] ?? ''}`,
    );
  return ok(
    `${here.version} is installed for ${running}${state.newerKernels.length > 0 ? ' and what may boot next' : ''}`,
  );
}
