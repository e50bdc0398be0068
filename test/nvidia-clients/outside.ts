// SPDX-License-Identifier: GPL-2.0-only
/** What container A must not learn. */
import { isVisible, type WorldProcess } from './world.js';

/**
 * Names and memory figures of processes outside that occur in a client's output. Their numbers are
 * not looked for, nor figures that are the number of a process inside: the same digits may well
 * stand for something else.
 */
export function leaks(output: string, processes: readonly WorldProcess[]): string[] {
  const MIB = 1 << 20;
  const inside = processes.filter(isVisible);
  const numbers = new Set(inside.flatMap(({ contained, containedThread }) => [contained, containedThread]).map(String));
  return processes
    .filter((process) => !isVisible(process))
    .flatMap((process) => [process.name, String(process.memory), String(process.memory * MIB)])
    .filter((secret) => !numbers.has(secret))
    .filter((secret) => new RegExp(`(?<![\\w-])${secret}(?!\\d)`).test(output));
}
