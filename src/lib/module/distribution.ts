// SPDX-License-Identifier: GPL-2.0-only
/** Which packages to name when something is missing: by /etc/os-release of the system. */
import type { Host } from '../system/host.js';
import { readIfPresent } from '../system/regular-file.js';

/** Families of distributions that install packages alike. */
export type Family = 'debian' | 'redhat' | 'suse' | 'arch' | 'alpine' | 'azure' | 'photon' | 'void' | 'unknown';

const FAMILIES: Record<string, Family> = {
  debian: 'debian',
  ubuntu: 'debian',
  fedora: 'redhat',
  rhel: 'redhat',
  centos: 'redhat',
  amzn: 'redhat',
  ol: 'redhat',
  openeuler: 'redhat',
  anolis: 'redhat',
  opencloudos: 'redhat',
  suse: 'suse',
  opensuse: 'suse',
  sles: 'suse',
  arch: 'arch',
  archlinux: 'arch',
  alpine: 'alpine',
  azurelinux: 'azure',
  mariner: 'azure',
  photon: 'photon',
  void: 'void',
};

/** Returns the words of a field of os-release(5), in lower case. */
const fieldOf = (osRelease: string, name: string): string[] =>
  (new RegExp(`^${name}=["']?([^"'\\n]*)`, 'm').exec(osRelease)?.[1] ?? '').toLowerCase().split(/\s+/);

/** Returns the family by the text of os-release(5): ID first, then ID_LIKE. */
export function familyOf(osRelease: string): Family {
  for (const id of [...fieldOf(osRelease, 'ID'), ...fieldOf(osRelease, 'ID_LIKE')]) {
    const family = FAMILIES[id] ?? FAMILIES[id.split('-')[0] ?? ''];
    if (family !== undefined) return family;
  }
  return 'unknown';
}

/** A distribution: its family, and ID of os-release(5). */
export interface Distribution {
  family: Family;
  id: string;
}

/** Returns the distribution of a system; one that does not say what it is has no ID and an unknown family. */
export async function distributionOf(host: Host): Promise<Distribution> {
  const text =
    (await readIfPresent(await host.resolve('/etc/os-release'))) ??
    (await readIfPresent(await host.resolve('/usr/lib/os-release'))) ??
    '';
  return { family: familyOf(text), id: fieldOf(text, 'ID')[0] ?? '' };
}

/** The command that installs a compiler, by its name with major version (`gcc-12`, `clang-16`), and make. */
export function compilerCommand(family: Family, compiler: string): string {
  const unversioned = compiler.replace(/-\d+$/, '');
  switch (family) {
    case 'debian':
      return `apt-get install ${compiler} make`;
    case 'redhat':
      return `dnf install ${unversioned} make`;
    case 'suse':
      return `zypper install ${compiler.replace('-', '')} make`;
    case 'arch':
      return `pacman -S ${unversioned} make`;
    case 'alpine':
      return `apk add ${unversioned} make`;
    case 'azure':
    case 'photon':
      return `tdnf install ${unversioned} make`;
    case 'void':
      return `xbps-install ${unversioned} make`;
    case 'unknown':
      return `install ${compiler} and make`;
  }
}
