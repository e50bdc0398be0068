// SPDX-License-Identifier: GPL-2.0-only
/** Which manual pages there are of the command line. */
import { manPage, type ManPage } from './man-page.js';
import type { CommandSpec } from './tree.js';

/** The pages by file name: `mpu.1`, `mpu-module.8`. */
export function manPages(root: CommandSpec, version: string): Record<string, string> {
  const module = root.commands.find(({ path }) => path.at(-1) === 'module');
  if (module === undefined) throw new RangeError('the command line has no command `module`');
  const common = { version, globals: root.flags } satisfies Partial<ManPage>;
  return {
    'mpu.1': manPage({
      ...common,
      command: root,
      section: 1,
      elsewhere: { 'mpu module': 'mpu-module(8)' },
      seeAlso: ['mpu-module(8)', 'libmpu(7)', 'nvidia-smi(1)'],
    }),
    'mpu-module.8': manPage({
      ...common,
      command: module,
      section: 8,
      elsewhere: {},
      seeAlso: ['mpu(1)', 'libmpu(7)', 'dkms(8)', 'mokutil(1)'],
    }),
  };
}
