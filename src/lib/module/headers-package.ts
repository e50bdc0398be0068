// SPDX-License-Identifier: GPL-2.0-only
/** Names the package that holds the headers of a kernel, by the distribution and the kernel's release. */
import type { Family } from './distribution.js';

/** Kernels whose maker publishes no package of headers, on whatever distribution, and what to do there. */
const WITHOUT_PACKAGE: readonly [release: RegExp, advice: string][] = [
  [
    /microsoft-standard/i,
    "WSL2's kernel has no package of headers, and NVIDIA's driver is not in it (GPUs are reached by /dev/dxg): mpu.ko has nothing to do there",
  ],
  [/-linuxkit/, "Docker Desktop's kernel has no package of headers; use a Linux host with its own kernel"],
  [
    /-talos$/,
    'Talos has no package of headers: its modules are system extensions, built from the repository siderolabs/pkgs',
  ],
];

/** Distributions without a package of headers, by ID of os-release(5), and where the headers come from. */
const NONE_BY_ID: Readonly<Record<string, string>> = {
  cos: 'Container-Optimized OS has no package of headers: they are in kernel-headers.tgz of its build, by BUILD_ID of /etc/os-release',
  bottlerocket:
    "Bottlerocket has no package manager: the headers are in its kernel development kit, kmod-kit of the release's variant",
  flatcar: 'Flatcar has no package of headers: they are in its developer container of the same version',
  nixos: 'NixOS has no package of headers to install: build against config.boot.kernelPackages.kernel.dev',
  gentoo:
    'Gentoo keeps the sources that the kernel was built from: emerge sys-kernel/gentoo-sources, and prepare that tree',
};

function debian(kernel: string): string {
  if (kernel.endsWith('-tegra')) return 'apt-get install nvidia-l4t-kernel-headers';
  if (kernel.endsWith('-pve')) {
    // Renamed with Proxmox VE 8.1, whose first kernel is 6.5.
    const [major = 0, minor = 0] = kernel.split('.').map((part) => parseInt(part, 10));
    const name = major > 6 || (major === 6 && minor >= 5) ? 'proxmox' : 'pve';
    return `apt-get install ${name}-headers-${kernel}`;
  }
  return `apt-get install linux-headers-${kernel}`;
}

function redhat(kernel: string): string {
  // The variant of a kernel follows its architecture: 5.14.0-427.13.1.el9_4.aarch64+64k.
  const [release = kernel, variant] = kernel.split('+');
  const name = (): string => {
    if (release.includes('uek')) return 'kernel-uek-devel';
    if (release.includes('.elrepo.')) return 'kernel-ml-devel';
    // Until RHEL 8 the real-time kernel was a package of its own, 4.18.0-553.rt7.342.el8_10.x86_64.
    if (variant === undefined && /\.rt\d/.test(release)) return 'kernel-rt-devel';
    // Amazon Linux 2023 names every kernel after its first by its series.
    const [, series] = /^(\d+\.\d+)\..*\.amzn2023\./.exec(release) ?? [];
    if (series !== undefined && series !== '6.1') return `kernel${series}-devel`;
    return variant === undefined ? 'kernel-devel' : `kernel-${variant}-devel`;
  };
  const package_ = `${name()}-${release}`;
  const other = name() === 'kernel-ml-devel' ? ` (or kernel-lt-devel-${release})` : '';
  return `dnf install ${package_}${other}`;
}

function suse(kernel: string): string {
  const [, flavour = 'default'] = /-([a-z0-9_]*[a-z][a-z0-9_]*)$/.exec(kernel) ?? [];
  return `zypper install kernel-${flavour}-devel`;
}

function arch(kernel: string): string {
  if (kernel.endsWith('-MANJARO')) {
    const [, major, minor] = /^(\d+)\.(\d+)/.exec(kernel) ?? [];
    return `pacman -S linux${major}${minor}${/-rt\d+-/.test(kernel) ? '-rt' : ''}-headers`;
  }
  // After the package's own release number, as in 6.6.30-1-lts and 6.9.1-2-cachyos-bore.
  const [, flavour] = /-\d+(?:\.\d+)?-([a-z][a-z0-9-]*)$/.exec(kernel) ?? [];
  return `pacman -S linux${flavour === undefined ? '' : `-${flavour}`}-headers`;
}

function alpine(kernel: string): string {
  const [, flavour = 'lts'] = /-([a-z][a-z0-9]*)$/.exec(kernel) ?? [];
  return `apk add linux-${flavour}-dev`;
}

/**
 * Returns the command that installs the headers of a kernel, or a sentence that says where they come from where no package has
 * them.
 *
 * @param id - ID of os-release(5), empty when it is not known
 */
export function headersCommand(family: Family, kernel: string, id = ''): string {
  const none = WITHOUT_PACKAGE.find(([release]) => release.test(kernel))?.[1] ?? NONE_BY_ID[id];
  if (none !== undefined) return none;
  switch (family) {
    case 'debian':
      return debian(kernel);
    case 'redhat':
      return redhat(kernel);
    case 'suse':
      return suse(kernel);
    case 'arch':
      return arch(kernel);
    case 'alpine':
      return alpine(kernel);
    case 'azure':
      return `tdnf install kernel-devel-${kernel}`;
    case 'photon': {
      const [, flavour] = /\.ph\d+-([a-z]+)$/.exec(kernel) ?? [];
      return `tdnf install linux-${flavour === undefined ? '' : `${flavour}-`}devel`;
    }
    case 'void':
      return `xbps-install linux${/^\d+\.\d+/.exec(kernel)?.[0] ?? ''}-headers`;
    case 'unknown':
      return `install the headers of kernel ${kernel} from where the kernel came`;
  }
}
