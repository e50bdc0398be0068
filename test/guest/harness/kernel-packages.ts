// SPDX-License-Identifier: GPL-2.0-only
/** Debian's kernels by the names of their packages. Packages of one kernel reach the archive days apart. */

/** A configuration that Debian builds a kernel in: for virtual machines, or PREEMPT_RT. */
export type Flavour = 'cloud' | 'rt';

/** The packages of one kernel. */
export interface KernelPackages {
  /** Release as `uname -r` prints it. */
  release: string;
  headers: string;
  common: string;
  /** Programs of the kernel's build. */
  kbuild: string;
  image: string;
}

/** A kernel that has headers but lacks other packages. */
export interface IncompleteKernel {
  release: string;
  /** Names of the missing packages, alternatives joined by "or". */
  missing: string[];
}

const byNumber = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true });

/**
 * Sorts the kernels of a series and flavour into complete and incomplete ones, each newest first.
 *
 * @param names - names of all packages in the archive that begin with `linux-`
 * @param architecture - dpkg's name of the architecture, e.g. `amd64`
 */
export function kernelsAmong(
  names: Iterable<string>,
  series: string,
  flavour: Flavour,
  architecture: string,
): { complete: KernelPackages[]; incomplete: IncompleteKernel[] } {
  const available = new Set(names);
  // 6.1.0-57, 6.1.0-0.deb11.52, 7.3.4+deb13 or 6.12.115+deb13.1; an -rc has no third number.
  const abi = `${series.replace('.', '\\.')}\\.\\d+(?:-(?:0\\.deb\\d+\\.)?\\d+|\\+deb\\d+(?:\\.\\d+)?)`;
  const pattern = new RegExp(`^linux-headers-(${abi})-${flavour}-${architecture}$`);
  const abis = [...available].flatMap((name) => pattern.exec(name)?.[1] ?? []).sort(byNumber);

  // Linux 7 has the same common headers for all flavours.
  const hasOwnCommon = flavour === 'rt' && Number(series.split('.')[0]) < 7;
  const complete: KernelPackages[] = [];
  const incomplete: IncompleteKernel[] = [];
  for (const abi of abis.reverse()) {
    const release = `${abi}-${flavour}-${architecture}`;
    const missing: string[] = [];
    const oneOf = (...names: string[]): string => {
      const found = names.find((name) => available.has(name));
      if (found === undefined) missing.push(names.join(' or '));
      return found ?? '';
    };
    const packages = {
      release,
      headers: `linux-headers-${release}`,
      common: oneOf(`linux-headers-${abi}-common${hasOwnCommon ? '-rt' : ''}`),
      kbuild: oneOf(`linux-kbuild-${abi}`, `linux-kbuild-${series}`),
      // Where there is a linux-binary, the linux-image has no files. Signing takes days; QEMU boots both.
      image: oneOf(`linux-binary-${release}`, `linux-image-${release}`, `linux-image-${release}-unsigned`),
    };
    if (missing.length === 0) complete.push(packages);
    else incomplete.push({ release, missing });
  }
  return { complete, incomplete };
}
