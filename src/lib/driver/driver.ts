// SPDX-License-Identifier: GPL-2.0-only
/** NVIDIA's driver in the running kernel. */
import { MpuError } from '../errors.js';
import { readIfPresent } from '../system/regular-file.js';
import { nativeAddon } from '../native-addon.js';
import { regimeById, type Regime } from './regimes.js';

/** The driver that is loaded. */
export interface Driver {
  /** Release, e.g. `535.104.12`. */
  release: string;
  /** NVIDIA publishes its kernel modules twice, as open source and not; which of them, if it says so. */
  flavour: 'open' | 'closed' | 'unknown';
  /** How it speaks of PIDs; undefined when the native addon, which knows, is not built. */
  regime?: Regime;
}

/** The flavours in words. */
export const FLAVOURS: Record<Driver['flavour'], string> = {
  open: 'open kernel modules',
  closed: 'closed kernel modules',
  unknown: 'kernel modules of unknown flavour',
};

/** The first line of /proc/driver/nvidia/version (nv-procfs.c): `NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.12 ...`. */
const VERSION_LINE = /^NVRM version:.*?(Open )?Kernel Module.*?\s(\d+\.\d+(?:\.\d+)?)\s/m;

/** Release and flavour by the text of /proc/driver/nvidia/version; undefined for any other text. */
export function parseDriverVersion(text: string): Pick<Driver, 'release' | 'flavour'> | undefined {
  const match = VERSION_LINE.exec(`${text}\n`);
  if (match === null) return undefined;
  return { release: match[2] ?? '', flavour: match[1] === undefined ? 'closed' : 'open' };
}

/** The regime of a release; undefined when the addon cannot tell. */
function regimeOf(release: string): Regime | undefined {
  try {
    return regimeById(nativeAddon().releaseRegime(release));
  } catch (error) {
    if (error instanceof MpuError) return undefined;
    throw error;
  }
}

/** The loaded driver; undefined when there is none. The same from every container: it is part of the kernel. */
export async function findDriver(): Promise<Driver | undefined> {
  const module = (await readIfPresent('/sys/module/nvidia/version'))?.trim();
  const found =
    parseDriverVersion((await readIfPresent('/proc/driver/nvidia/version')) ?? '') ??
    (module === undefined ? undefined : { release: module, flavour: 'unknown' as const });
  if (found === undefined) return undefined;
  const regime = regimeOf(found.release);
  return { ...found, ...(regime === undefined ? {} : { regime }) };
}
