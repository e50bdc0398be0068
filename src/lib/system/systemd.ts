// SPDX-License-Identifier: GPL-2.0-only
/** Units of systemd that the package brings, made for this installation of mpu. */
import { access, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MpuError } from '../errors.js';
import { packageRoot } from '../package/root.js';
import { lastLines, runProgram } from './program.js';
import { readIfPresent } from './regular-file.js';
import { writeIfChanged } from './replace-file.js';
import type { RollbackSteps } from './rollback.js';

/** Where an administrator's units lie (systemd.unit(5)). */
const UNIT_DIRECTORY = '/etc/systemd/system';
const UNIT_SOURCES = join(packageRoot, 'packaging', 'systemd');
/** The command of the packaged units. */
const PACKAGED_COMMAND = '/usr/bin/mpu';

/** A unit and its text. */
export interface Unit {
  name: string;
  text: string;
}

/** Path of an administrator's unit. */
export const unitPath = (name: string): string => join(UNIT_DIRECTORY, name);

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Returns whether systemd manages this system (sd_booted(3)). */
export const hasSystemd = (): Promise<boolean> => isThere('/run/systemd/system');

/** Quotes an argument of ExecStart= (systemd.service(5), "Command lines"). */
const quote = (argument: string): string =>
  `"${argument.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`;

/** Reads a packaged unit, and makes its commands those of this installation. */
export async function packagedUnit(name: string): Promise<Unit> {
  const text = await readFile(join(UNIT_SOURCES, name), 'utf8');
  const command = [process.execPath, join(packageRoot, 'dist', 'cli.js')].map(quote).join(' ');
  return { name, text: text.replaceAll(`=${PACKAGED_COMMAND} `, () => `=${command} `) };
}

/** Runs systemctl for some units. Rejects with an MpuError when it fails. */
export async function systemctl(verb: string, ...units: string[]): Promise<void> {
  const what = 'cannot set up the systemd units';
  const result = await runProgram('systemctl', verb === 'disable' ? [verb, '--now', ...units] : [verb, ...units], what);
  if (result.status === 0) return;
  const next = ['journalctl', ...units.map((unit) => `--unit ${unit}`)].join(' ');
  throw new MpuError({ code: 'systemctl-failed', what, why: `systemctl ${verb}: ${lastLines(result)}`, next });
}

async function isEnabled(unit: string): Promise<boolean> {
  const { status } = await runProgram('systemctl', ['is-enabled', '--quiet', unit], 'cannot look at the systemd units');
  return status === 0;
}

/** Writes and enables units, and starts none. Returns whether anything changed. */
export async function installUnits(units: readonly Unit[], rollback: RollbackSteps): Promise<boolean> {
  let written = false;
  for (const { name, text } of units) {
    const path = unitPath(name);
    const before = await readIfPresent(path);
    if (!(await writeIfChanged(path, text))) continue;
    written = true;
    rollback.push(async () => {
      if (before === undefined) await rm(path);
      else await writeIfChanged(path, before);
      await systemctl('daemon-reload');
    });
  }
  if (written) await systemctl('daemon-reload');
  const disabled: string[] = [];
  for (const { name } of units) if (!(await isEnabled(name))) disabled.push(name);
  if (disabled.length > 0) {
    rollback.push(() => systemctl('disable', ...disabled));
    await systemctl('enable', ...disabled);
  }
  return written || disabled.length > 0;
}

/** Stops, disables and removes those of the units that an administrator's directory has. Returns their paths. */
export async function removeUnits(names: readonly string[]): Promise<string[]> {
  const units: string[] = [];
  for (const name of names) if (await isThere(unitPath(name))) units.push(name);
  if (units.length === 0) return [];
  const managed = await hasSystemd();
  if (managed) await systemctl('disable', ...units);
  for (const name of units) await rm(unitPath(name));
  if (managed) await systemctl('daemon-reload');
  return units.map(unitPath);
}
