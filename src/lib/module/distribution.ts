// SPDX-License-Identifier: GPL-2.0-only
/** Which packages to name when something is missing: by /etc/os-release of the system. */
import type { Host } from '../system/host.js';
import { readIfPresent } from '../system/regular-file.js';

/** Families of distributions that install packages alike. */
export type Family = 'debian' | 'redhat' | 'suse' | 'arch' | 'alpine' | 'unknown';

const FAMILIES: Record<string, Family> = {
  debian: 'debian',
  ubuntu: 'debian',
  fedora: 'redhat',
  rhel: 'redhat',
  centos: 'redhat',
  amzn: 'redhat',
  ol: 'redhat',
  suse: 'suse',
  opensuse: 'suse',
  sles: 'suse',
  arch: 'arch',
  archlinux: 'arch',
  alpine: 'alpine',
};

/** The family by the text of os-release(5): ID first, then what it is like. */
export function familyOf(osRelease: string): Family {
  const field = (name: string): string[] =>
    (new RegExp(`^${name}=["']?([^"'\\n]*)`, 'm').exec(osRelease)?.[1] ?? '').toLowerCase().split(/\s+/);
  for (const id of [...field('ID'), ...field('ID_LIKE')]) {
    const family = FAMILIES[id] ?? FAMILIES[id.split('-')[0] ?? ''];
    if (family !== undefined) return family;
  }
  return 'unknown';
}

/** The family of a system. */
export async function distributionOf(host: Host): Promise<Family> {
  const text =
    (await readIfPresent(await host.resolve('/etc/os-release'))) ??
    (await readIfPresent(await host.resolve('/usr/lib/os-release')));
  return familyOf(text ?? '');
}

/** The word after the last dash of a release: `lts` of 6.6.30-1-lts. */
const flavour = (release: string): string => /-([a-z][a-z0-9]*)$/.exec(release)?.[1] ?? '';

/** The command that installs the headers of a kernel. */
export function headersCommand(family: Family, kernel: string): string {
  const kind = flavour(kernel);
  switch (family) {
    case 'debian':
      return `apt-get install linux-headers-${kernel}`;
    case 'redhat':
      return `dnf install ${kernel.includes('uek') ? 'kernel-uek-devel' : 'kernel-devel'}-${kernel}`;
    case 'suse':
      return `zypper install kernel-${kind === '' ? 'default' : kind}-devel`;
    case 'arch':
      return `pacman -S linux${['lts', 'zen', 'hardened', 'rt'].includes(kind) ? `-${kind}` : ''}-headers`;
    case 'alpine':
      return `apk add linux-${kind === '' ? 'lts' : kind}-dev`;
    case 'unknown':
      return `install the package with the headers of kernel ${kernel}`;
  }
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
    case 'unknown':
      return `install ${compiler} and make`;
  }
}
