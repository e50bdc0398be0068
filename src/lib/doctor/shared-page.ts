// SPDX-License-Identifier: GPL-2.0-only
/** Checks whether the driver publishes the GPU processes of all containers on the page that it shares with every client. */
import type { Driver } from '../driver/driver.js';
import { readIfPresent } from '../system/regular-file.js';
import { info, ok, warn, type Check, type Finding } from './check.js';

/** First release whose page (class 0xde, cl00de.h) has room for PIDs and their utilization. */
const SINCE = '590.44.01';
/** Values of the driver's registry key (NV_REG_STR_RM_DEBUG_RUSD_POLLING, nvrm_registry.h). */
const KEY = 'RMDebugRusdPolling';
const FORCE_DISABLE = 1;
const FORCE_ENABLE = 2;

const CLOSE = `echo 'options nvidia NVreg_RegistryDwords="${KEY}=${FORCE_DISABLE}"' | sudo tee /etc/modprobe.d/mpu-shared-page.conf; then reboot; see docs/shared-page.md`;

const isSince = (release: string): boolean => release.localeCompare(SINCE, 'en', { numeric: true }) >= 0;

/**
 * Returns the value of the registry key in /proc/driver/nvidia/params: undefined when it is not set, NaN when it is not a number.
 * Keys are separated by semicolons, and the driver ignores their case and spaces.
 */
export function pollingKey(params: string): number | undefined {
  const [, list = ''] = /^RegistryDwords: *"?([^"\n]*)"?$/m.exec(params) ?? [];
  const values = list
    .split(';')
    .map((item) => item.split('=').map((part) => part.trim()))
    .filter(([key = '']) => key.toLowerCase() === KEY.toLowerCase())
    .map(([, value = '']) => (value === '' ? NaN : Number(value)));
  return values.at(-1);
}

/** Returns the finding for a release and the text of /proc/driver/nvidia/params, undefined where that cannot be read. */
export function judgeSharedPage(release: string, params: string | undefined): Finding {
  const page = `drivers from ${SINCE} on can publish PIDs and utilization of all GPU processes on a page that every container may read`;
  if (params === undefined) {
    return warn(`${page}; the options of driver ${release} cannot be read`, 'sudo cat /proc/driver/nvidia/params');
  }
  const value = pollingKey(params);
  if (value === FORCE_DISABLE)
    return ok(`${KEY}=${FORCE_DISABLE}: the driver publishes no GPU processes on its shared page`);
  if (value === FORCE_ENABLE) return warn(`${page}, and ${KEY}=${FORCE_ENABLE} makes it do so always`, CLOSE);
  if (value !== undefined && value !== 0) {
    return warn(`${page}, and its option ${KEY}=${value} has no known meaning`, CLOSE);
  }
  return info(`${page}, while any client asks for it`, CLOSE);
}

export const SHARED_PAGE_CHECK: Check<{ driver: Driver | undefined }> = {
  id: 'shared-page',
  title: 'shared page',
  applies: ({ driver }) => driver !== undefined && isSince(driver.release),
  run: async ({ driver }) => judgeSharedPage(driver?.release ?? '', await readIfPresent('/proc/driver/nvidia/params')),
};
