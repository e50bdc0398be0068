// SPDX-License-Identifier: GPL-2.0-only
/** Checks of what host and containers have in common: this package and the driver. */
import { FLAVOURS, type Driver } from '../driver/driver.js';
import type { MpuError } from '../errors.js';
import { addonBuildCommand } from '../native-addon.js';
import { fail, findingOf, info, ok, warn, type Check } from './check.js';

/** What these checks look at. */
export interface DriverContext {
  /** Why the native addon cannot be loaded. */
  addonError: MpuError | undefined;
  driver: Driver | undefined;
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
        ? fail('no NVIDIA driver is loaded: /proc/driver/nvidia/version is not there', "install NVIDIA's driver on the host, then: sudo modprobe nvidia")
        : ok(`${driver.release}, ${FLAVOURS[driver.flavour]}`),
  },
  {
    id: 'regime',
    title: 'without mpu',
    applies: ({ driver }) => driver !== undefined,
    run: ({ driver }) => {
      const regime = driver?.regime;
      if (regime === undefined) return warn('what this release does to containers is in the native addon, which is not there', addonBuildCommand);
      const range = `${regime.id}, drivers ${regime.drivers}`;
      if (regime.tableRight !== true) return info(`${regime.wrong} (${range})`);
      return info(`this driver needs no mpu for PIDs and memory in the process table; mpu is still for this: ${regime.wrong} (${range})`);
    },
  },
];
