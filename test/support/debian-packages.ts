// SPDX-License-Identifier: GPL-2.0-only
/** Packages from the suites of Debian's archive that a test needs, whichever of them this system follows. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '#mpu/lib/errors.js';
import { PrivateApt } from '#mpu/lib/nvidia-clients/apt-download.js';
import { debianMirrors, readSystemSources, type AptSource } from '#mpu/lib/nvidia-clients/apt-sources.js';

/** Names of suites that apt reads together: `trixie`, `trixie-backports`, `trixie-security`. */
export type Suites = readonly string[];

const isSecurity = (suite: string): boolean => suite.endsWith('-security');

/**
 * The suites on every Debian mirror that apt is configured to use. The security archive is another tree than the main one.
 * Throws when apt has no mirror with any of them.
 */
export function debianSources(system: AptSource[], suites: Suites, components: string[] = ['main']): AptSource[] {
  const main = debianMirrors(system).filter((source) => !source.suites.every(isSecurity));
  const security = system.filter((source) => source.suites.some(isSecurity));
  const sources = [
    ...main.map((source) => ({ ...source, suites: suites.filter((suite) => !isSecurity(suite)), components })),
    ...security.map((source) => ({ ...source, suites: suites.filter(isSecurity), components })),
  ].filter((source) => source.suites.length > 0);
  if (sources.length === 0) throw new Error(`apt is configured with no Debian mirror of ${suites.join(', ')}`);
  return sources;
}

/** Debian's packages in some suites. State and indexes of apt are kept below the directory `state`. */
export async function openSuites(state: string, suites: Suites, architecture?: string): Promise<PrivateApt> {
  const directory = join(state, [...(architecture === undefined ? [] : [architecture]), ...suites].join('-'));
  return PrivateApt.open(directory, debianSources(await readSystemSources(), suites), architecture);
}

/**
 * Unpacks the newest version of each package from the first of the suites that has them all.
 *
 * @param choices - the preferred suites, then others for the day when these have left the mirror
 * @param target - path of a directory that gets the files and does not exist yet
 * @param state - see {@link openSuites}
 * @throws Error that says what each of the choices lacks
 */
export async function unpackFromDebian(
  choices: readonly Suites[],
  names: readonly string[],
  target: string,
  state: string,
  architecture?: string,
): Promise<void> {
  const reasons: string[] = [];
  for (const suites of choices) {
    try {
      const apt = await openSuites(state, suites, architecture);
      await apt.unpackNewest(names, target);
      return;
    } catch (error) {
      reasons.push(`${suites.join(', ')}: ${messageOf(error)}`);
      await rm(target, { recursive: true, force: true });
    }
  }
  throw new Error(`${names.join(', ')} cannot be fetched\n${reasons.join('\n')}`);
}
