// SPDX-License-Identifier: GPL-2.0-only
/** Limits for the figures of bench/translation-latency; docs/netlink.md gives the reason and the callers they hold for. */

/** Bounds by the name of a figure. */
const LIMITS: Record<string, { most?: number; least?: number }> = {
  'to_ns_950/echo_950': { most: 3 },
  'to_ns_950_middle/echo_950': { most: 3 },
  'two_callers/one_caller': { least: 1.6 },
};

/** A sentence for every figure that is outside its limit, or that was not measured at all. */
export function outsideLimits(figures: ReadonlyMap<string, number>): string[] {
  return Object.entries(LIMITS).flatMap(([name, { most = Infinity, least = -Infinity }]) => {
    const value = figures.get(name) ?? NaN;
    if (value <= most && value >= least) return [];
    return [
      `${name} is ${value.toFixed(2)}; ${most === Infinity ? `at least ${least}` : `at most ${most}`} was wanted`,
    ];
  });
}
