// SPDX-License-Identifier: GPL-2.0-only
/** Outputs as a person approved them, in test/commands/golden. MPU_UPDATE_GOLDEN=1 writes them anew, to be looked at. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { checkout } from '../support/mpu.js';

/** Compares a text, in which everything that differs from run to run has been replaced, with the approved one. */
export function matchesGolden(t: Test, name: string, text: string): void {
  const path = join(checkout, 'test', 'commands', 'golden', `${name}.txt`);
  if (process.env.MPU_UPDATE_GOLDEN === '1') writeFileSync(path, text);
  if (!existsSync(path)) t.fail(`${name}: nobody has approved an output yet`);
  else t.equal(text, readFileSync(path, 'utf8'), `${name}: as approved`);
}
