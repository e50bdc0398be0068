// SPDX-License-Identifier: GPL-2.0-only
/** What goes into an installation and what comes out of it. */
import type { BuildOptions } from './build.js';

/** How to install; everything is optional. */
export interface InstallOptions extends BuildOptions {
  /** Use DKMS: when it is there (default), or never. */
  dkms?: boolean;
  /** Intercept at every boot, or not any more. Left as it is when not given. */
  intercept?: boolean;
}

/** A kernel without the module, and what kept it from being built. */
export interface SkippedKernel {
  kernel: string;
  why: string;
}

/** What became of a request to install. */
export interface InstallResult {
  outcome: 'installed' | 'unchanged';
  method: 'dkms' | 'file';
  kernel: string;
  version: string;
  /** The module's file. */
  path: string;
  signed: boolean;
  /** Other kernels that have got it now. */
  alsoFor: string[];
  /** Other kernels that were to get it and could not. */
  skipped: SkippedKernel[];
}
