// SPDX-License-Identifier: GPL-2.0-only
/** Releases of Linux: which of them translate, and which comes after which. */

/** The first kernels on which mpu.ko, and the namespace file, work. */
export const MODULE_SINCE = [4, 18] as const;
export const NSFS_SINCE = [6, 11] as const;
/** The first kernel with BPF task iterators that are limited to a PID namespace. */
export const BPF_SINCE = [5, 8] as const;

/** Whether a release, as `uname -r` prints it, is that version or a later one. */
export function isAtLeast(release: string, wanted: readonly [number, number]): boolean {
  const [first = 0, second = 0] = release.split('.').map((part) => parseInt(part, 10));
  return first > wanted[0] || (first === wanted[0] && second >= wanted[1]);
}

const order = new Intl.Collator('en', { numeric: true });

/** Whether a release is later than another: 6.1.0-18-amd64 than 6.1.0-9-amd64. */
export const isNewer = (release: string, other: string): boolean => order.compare(release, other) > 0;
