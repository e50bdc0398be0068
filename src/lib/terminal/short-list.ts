// SPDX-License-Identifier: GPL-2.0-only
const MAX_SHOWN = 10;

/** Returns the first items of a list as text, and the count of those left out. */
export function shortList(items: readonly (string | number)[]): string {
  const shown = items.slice(0, MAX_SHOWN).join(', ');
  return items.length <= MAX_SHOWN ? shown : `${shown}, and ${items.length - MAX_SHOWN} more`;
}
