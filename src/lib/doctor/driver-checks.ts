// SPDX-License-Identifier: GPL-2.0-only
/** Checks of what host and containers have in common: this package and the driver. */
import { FLAVOURS, type Driver } from '../driver/driver.js';
import { isNewer, NEWEST_RELEASE } from '../driver/regimes.js';
import type { MpuError } from '../errors.js';
import { addonBuildCommand } from '../native-addon.js';
import { fail, findingOf, info, ok, warn, type Check, type Finding } from './check.js';

/** What these checks look at. */
export interface DriverContext {
  /** Why the native addon cannot be loaded. */
  addonError: MpuError | undefined;
  driver: Driver | undefined;
}

/** Whether the driver shows containers a right process table without mpu. */
export const needsNoMpu = ({ driver }: DriverContext): boolean => driver?.regime?.tableRight === true;

/** A part of mpu is not there, or not in order: that fails, unless the driver shows the right table without. */
export const lacks = (context: DriverContext, why: string, next: string): Finding =>
  (needsNoMpu(context) ? warn : fail)(why, next);

/** Returns the finding for the release of the loaded driver. */
export function judgeRelease(release: string): Finding {
  if (!isNewer(release, NEWEST_RELEASE)) return ok(`the newest release known to this mpu is ${NEWEST_RELEASE}`);
  return info(
    `${release} is newer than ${NEWEST_RELEASE}, the newest release known to this mpu: requests that have changed since are left alone, and counted`,
    'update mpu, or add the release: docs/release.md',
  );
}

/** The checks, for any place. */
export const DRIVER_CHECKS: readonly Check<DriverContext>[] = [
  {
    id: 'addon',
    title: 'native addon',
    applies: ({ addonError }) => addonError !== undefined,
    run: ({ addonError }) => findingOf('fail', addonError),
  },
  {
    id: 'driver',
    title: 'NVIDIA driver',
    applies: () => true,
    run: ({ driver }) =>
      driver === undefined
        ? fail(
            'no NVIDIA driver is loaded: /proc/driver/nvidia/version is not there',
            "install NVIDIA's driver on the host, then: sudo modprobe nvidia",
          )
        : ok(`${driver.release}, ${FLAVOURS[driver.flavour]}`),
  },
  {
    id: 'release',
    title: 'known drivers',
    applies: ({ driver }) => /^\d+\.\d+/.test(driver?.release ?? ''),
    run: ({ driver }) => judgeRelease(driver?.release ?? ''),
  },
  {
    id: 'regime',
    title: 'without mpu',
    applies: ({ driver }) => driver !== undefined,
    run: ({ driver, addonError }) => {
      const regime = driver?.regime;
      if (regime === undefined && addonError !== undefined)
        return warn(
          'what this release does to containers is in the native addon, which cannot be loaded',
          addonBuildCommand,
        );
      if (regime === undefined)
        return warn(
          `what a driver does to containers is known by its release, and ${driver?.release ?? ''} is none`,
          'cat /proc/driver/nvidia/version, and report what it says',
        );
      const range = `${regime.id}, drivers ${regime.drivers}`;
      if (regime.tableRight !== true) return info(`${regime.wrong} (${range})`);
      return info(
        `this driver needs no mpu for PIDs and memory in the process table; mpu is still for this: ${regime.wrong} (${range})`,
      );
    },
  },
];
