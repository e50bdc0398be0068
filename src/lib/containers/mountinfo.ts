// SPDX-License-Identifier: GPL-2.0-only
/** Mounts of a process, as /proc/PID/mountinfo lists them (proc(5)). */

/** A mount over a path of a file system. */
export interface Mount {
  /** Where it is mounted. */
  point: string;
  /** Path within its file system of what is mounted: for a bind mount, the path on the host where that is the same file system. */
  root: string;
  /** Type of the file system. */
  type: string;
}

/** Decodes spaces, tabs, newlines and backslashes, which the kernel writes in octal. */
const decode = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));

/** Returns the mounts in their order; lines that are not of the format are left out. */
export function parseMountinfo(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root, point] = before.split(' ');
    const [type = ''] = after.split(' ');
    return root === undefined || point === undefined ? [] : [{ point: decode(point), root: decode(root), type }];
  });
}

/** Returns the mount that covers a path: the last one on the path itself or on a directory above it, `/` excepted. */
export function coverOf(mounts: readonly Mount[], path: string): Mount | undefined {
  const covers = mounts.filter(({ point }) => point !== '/' && (path === point || path.startsWith(`${point}/`)));
  return covers.reduce<Mount | undefined>(
    (found, mount) => (found === undefined || mount.point.length >= found.point.length ? mount : found),
    undefined,
  );
}
