// SPDX-License-Identifier: GPL-2.0-only
/** Files and directories that a layer adds to an image. */

/** Owner and permissions of a file or directory. */
export interface Attributes {
  /** Permission bits. */
  mode: number;
  uid: number;
  gid: number;
}

/** Default owner and mode. */
export const DEFAULT_ATTRIBUTES: Record<'file' | 'directory', Attributes> = {
  file: { mode: 0o644, uid: 0, gid: 0 },
  directory: { mode: 0o755, uid: 0, gid: 0 },
};

/** One thing in a layer. Paths are relative to the root, without a leading or trailing slash. */
export type LayerEntry =
  | { type: 'directory'; path: string; attributes?: Attributes }
  | { type: 'file'; path: string; data: Buffer; attributes?: Attributes }
  | { type: 'symlink'; path: string; target: string };
