// SPDX-License-Identifier: GPL-2.0-only
/** The native addon, loaded when it is first needed. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { MpuError, errnoName, messageOf } from './errors.js';
import { packageRoot } from './package/root.js';

/** The answer of MPU_CMD_GET, as the addon gives it. */
export interface RawModuleState {
  version: string;
  abi: number;
  features: number;
  maxPids: number;
  intercept: number;
  /** Empty where there is none. */
  interceptReason: string;
  generation: bigint;
  counters?: { requests: bigint; pids: bigint; hidden: bigint; rewritten: bigint; untouched: bigint; inFlight: bigint };
}

/** What src/native/addon.cc exports. Promises are rejected with a {@link NativeFailure}. */
export interface NativeAddon {
  netlinkTranslate(pids: Uint32Array, toHost: boolean): Promise<Uint32Array>;
  netlinkGet(): Promise<RawModuleState>;
  nsfsTranslate(pids: Uint32Array, toHost: boolean, path: string, initialOnly: boolean): Promise<Uint32Array>;
  /** The namespace regime of a driver release (kernel/rm/release.c); undefined for what is no version. */
  releaseRegime(release: string): string | undefined;
}

/** A system call of the addon that failed. */
export interface NativeFailure extends Error {
  /** Positive number of the error. */
  errno: number;
  /** Which step failed: `family`, `translate`, `get` or `open`. */
  step: string;
}

const ADDON_DIRECTORY = join(packageRoot, 'build', 'native');

/** The addon that the package brings for this processor and C library (packaging/prebuild-addon). */
function prebuiltAddonPath(): string {
  // Else it looks up the name of every open socket's peer.
  Object.assign(process.report, { excludeNetwork: true });
  const report = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  const libc = report.header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
  return join(ADDON_DIRECTORY, 'prebuilds', `linux-${process.arch}-${libc}`, 'mpu.node');
}

/** Where the addon is: that of a build here, else the one of the package. */
function findAddon(): string {
  const built = join(ADDON_DIRECTORY, 'Release', 'mpu.node');
  return existsSync(built) ? built : prebuiltAddonPath();
}

/** The command that builds the addon. */
export const addonBuildCommand = `npm --prefix ${packageRoot} run build`;

/** Whether something that was thrown came from a system call of the addon. */
export function isNativeFailure(error: unknown): error is NativeFailure {
  return error instanceof Error && 'errno' in error && typeof error.errno === 'number' && 'step' in error;
}

/** The errno name (`ENOENT`, ...) of a {@link NativeFailure}. */
export function nativeErrnoName(error: NativeFailure): string {
  return getSystemErrorName(-error.errno);
}

let loaded: NativeAddon | undefined;

/** Loads the addon. Throws an MpuError that names the build command where it was not built, or does not load. */
export function nativeAddon(given?: string): NativeAddon {
  if (loaded !== undefined && given === undefined) return loaded;
  const path = given ?? findAddon();
  try {
    const addon = createRequire(import.meta.url)(path) as NativeAddon;
    if (given === undefined) loaded = addon;
    return addon;
  } catch (error) {
    const missing = errnoName(error) === 'MODULE_NOT_FOUND';
    throw new MpuError({
      code: missing ? 'addon-missing' : 'addon-invalid',
      what: 'cannot ask the kernel for PIDs',
      why: missing ? `the native addon has not been built: ${path} does not exist` : messageOf(error),
      next: `build it: ${addonBuildCommand}`,
      cause: error,
    });
  }
}
