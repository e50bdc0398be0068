// SPDX-License-Identifier: GPL-2.0-only
/** Making the CDI devices part of a system: two systemd units that prepare them at each boot, and at once. */
import { readFile, rm } from 'node:fs/promises';
import { ExitCode, MpuError, fileError, throwIfInterrupted } from '../errors.js';
import { isJsonObject } from '../system/json.js';
import { readIfPresent } from '../system/regular-file.js';
import { PIDNS_UNIT } from '../pidns/unit.js';
import { rollBackOnFailure } from '../system/rollback.js';
import { hasSystemd, installUnits, packagedUnit, removeUnits, systemctl, unitPath } from '../system/systemd.js';
import { HOST_DIRECTORY, removeHostFiles } from './host-files.js';
import { KIND, PIDNS } from './spec.js';

const UNITS = [PIDNS_UNIT, 'mpu-cdi.service'] as const;

/** Where the spec of each boot is written. */
const SPEC = '/var/run/cdi/mpu.json';
/** Where engines look for specs, and one of ours may be. */
const SPEC_PLACES = ['/etc/cdi/mpu.json', SPEC];

/** What became of an installation. */
export interface InstallResult {
  outcome: 'installed' | 'unchanged';
  /** The file with the CDI spec. */
  spec: string;
  units: string[];
  /** Whether containers are given the PID namespace of the host; else they need mpu.ko. */
  pidns: boolean;
}

/** What a removal did. */
export interface RemoveResult {
  outcome: 'removed' | 'unchanged';
  removed: string[];
  /** Left for running containers that have them mounted. */
  used: string[];
}

/**
 * Installs and starts the units. Rejects with an MpuError; then, as after an interrupt, the units are as
 * before. `signal` interrupts between two steps.
 */
export async function installCdi(signal?: AbortSignal): Promise<InstallResult> {
  if (!(await hasSystemd())) {
    throw new MpuError({
      code: 'no-systemd',
      what: 'cannot install the CDI devices',
      why: 'systemd does not manage this system, and nothing else here prepares them at each boot',
      next: `mpu cdi generate --output ${SPEC}, once after each boot`,
      exitCode: ExitCode.hostUnsupported,
    });
  }
  const specBefore = await readIfPresent(SPEC);
  const changed = await rollBackOnFailure(async (rollback) => {
    const written = await installUnits(await Promise.all(UNITS.map(packagedUnit)), rollback);
    throwIfInterrupted(signal);
    await systemctl('start', PIDNS_UNIT);
    await systemctl('restart', 'mpu-cdi.service');
    return written;
  });
  const spec = await readFile(SPEC, 'utf8').catch((error: unknown) => {
    throw fileError(error, 'cannot read the spec that was written');
  });
  return {
    outcome: changed || spec !== specBefore ? 'installed' : 'unchanged',
    spec: SPEC,
    units: UNITS.map(unitPath),
    pidns: spec.includes(PIDNS),
  };
}

/** Whether a file is a CDI spec of mpu's devices. */
async function isOwnSpec(path: string): Promise<boolean> {
  try {
    const spec: unknown = JSON.parse((await readIfPresent(path)) ?? 'null');
    return isJsonObject(spec) && spec.kind === KIND;
  } catch {
    return false;
  }
}

/**
 * Takes everything back that {@link installCdi} and `mpu cdi generate` put into the system, but for a
 * library that a running container has mounted. Rejects with an MpuError.
 */
export async function removeCdi(): Promise<RemoveResult> {
  const removed: string[] = [];
  try {
    for (const path of SPEC_PLACES) {
      if (!(await isOwnSpec(path))) continue;
      await rm(path);
      removed.push(path);
    }
    removed.push(...(await removeUnits(UNITS)));
  } catch (error) {
    throw fileError(error, 'cannot remove the CDI devices');
  }
  const files = await removeHostFiles(HOST_DIRECTORY);
  removed.push(...files.removed);
  return { outcome: removed.length > 0 ? 'removed' : 'unchanged', removed, used: files.used };
}
