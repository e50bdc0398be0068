// SPDX-License-Identifier: GPL-2.0-only
/** Making the CDI devices part of a system: two systemd units that prepare them at each boot, and at once. */
import { access, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ExitCode, MpuError, fileError, throwIfInterrupted } from '../errors.js';
import { isJsonObject } from '../system/json.js';
import { readIfPresent } from '../system/regular-file.js';
import { lastLines, runProgram } from '../system/program.js';
import { rollBackOnFailure } from '../system/rollback.js';
import { packageRoot } from '../package/root.js';
import { writeIfChanged } from '../system/replace-file.js';
import { HOST_DIRECTORY, removeHostFiles } from './host-files.js';
import { KIND, PIDNS } from './spec.js';

const UNIT_SOURCES = join(packageRoot, 'packaging', 'systemd');
/** Where an administrator's units lie (systemd.unit(5)). */
const UNIT_DIRECTORY = '/etc/systemd/system';
const UNITS = ['mpu-pidns.service', 'mpu-cdi.service'] as const;
/** What the packaged unit runs. */
const PACKAGED_COMMAND = '/usr/bin/mpu';

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

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Whether systemd manages this system (sd_booted(3)). */
const hasSystemd = (): Promise<boolean> => isThere('/run/systemd/system');

/** An argument of ExecStart= (systemd.service(5), "Command lines"). */
const quote = (argument: string): string =>
  `"${argument.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`;

/** A unit for this installation of mpu. */
async function unitText(name: string): Promise<string> {
  const text = await readFile(join(UNIT_SOURCES, name), 'utf8');
  const command = [process.execPath, join(packageRoot, 'dist', 'cli.js')].map(quote).join(' ');
  return text.replace(`=${PACKAGED_COMMAND} `, () => `=${command} `);
}

async function systemctl(...args: string[]): Promise<void> {
  const what = 'cannot set up the systemd units';
  const result = await runProgram('systemctl', args, what);
  if (result.status === 0) return;
  const next = `journalctl --unit ${UNITS.join(' --unit ')}`;
  throw new MpuError({ code: 'systemctl-failed', what, why: `systemctl ${args[0] ?? ''}: ${lastLines(result)}`, next });
}

/** Units that are not enabled. */
async function disabledUnits(): Promise<string[]> {
  const disabled: string[] = [];
  for (const unit of UNITS) {
    const { status } = await runProgram(
      'systemctl',
      ['is-enabled', '--quiet', unit],
      'cannot look at the systemd units',
    );
    if (status !== 0) disabled.push(unit);
  }
  return disabled;
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
    let written = false;
    for (const unit of UNITS) {
      const path = join(UNIT_DIRECTORY, unit);
      const before = await readIfPresent(path);
      if (!(await writeIfChanged(path, await unitText(unit)))) continue;
      written = true;
      rollback.push(async () => {
        if (before === undefined) await rm(path);
        else await writeIfChanged(path, before);
        await systemctl('daemon-reload');
      });
    }
    throwIfInterrupted(signal);
    if (written) await systemctl('daemon-reload');
    const disabled = await disabledUnits();
    if (disabled.length > 0) {
      rollback.push(() => systemctl('disable', '--now', ...disabled));
      await systemctl('enable', ...disabled);
    }
    throwIfInterrupted(signal);
    await systemctl('start', 'mpu-pidns.service');
    await systemctl('restart', 'mpu-cdi.service');
    return written || disabled.length > 0;
  });
  const spec = await readFile(SPEC, 'utf8').catch((error: unknown) => {
    throw fileError(error, 'cannot read the spec that was written');
  });
  return {
    outcome: changed || spec !== specBefore ? 'installed' : 'unchanged',
    spec: SPEC,
    units: UNITS.map((unit) => join(UNIT_DIRECTORY, unit)),
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
    const units: string[] = [];
    for (const unit of UNITS) if (await isThere(join(UNIT_DIRECTORY, unit))) units.push(unit);
    if (units.length > 0) {
      const managed = await hasSystemd();
      if (managed) await systemctl('disable', '--now', ...units);
      for (const unit of units) {
        await rm(join(UNIT_DIRECTORY, unit));
        removed.push(join(UNIT_DIRECTORY, unit));
      }
      if (managed) await systemctl('daemon-reload');
    }
  } catch (error) {
    throw fileError(error, 'cannot remove the CDI devices');
  }
  const files = await removeHostFiles(HOST_DIRECTORY);
  removed.push(...files.removed);
  return { outcome: removed.length > 0 ? 'removed' : 'unchanged', removed, used: files.used };
}
