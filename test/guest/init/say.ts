// SPDX-License-Identifier: GPL-2.0-only
/** In a guest: the lines that test/guest/harness/guest.ts reads on the console. */
import { writeSync } from 'node:fs';

const CONSOLE = 1;
let cases = 0;

/** Writes a line for the host. */
export function say(line: string): void {
  writeSync(CONSOLE, `mpu-guest: ${line}\n`);
}

/** Reports a case; `detail` is for one that failed. */
export function report(name: string, ok: boolean, detail: string): void {
  if (!ok) writeSync(CONSOLE, `${detail}\n`);
  say(`${ok ? '' : 'not '}ok ${++cases} - ${name}`);
}

/** Runs a step and reports it as a case. Returns undefined for one that fails, which does not end the program. */
export async function step<T>(name: string, body: () => Promise<T> | T): Promise<T | undefined> {
  try {
    const value = await body();
    report(name, true, '');
    return value;
  } catch (error) {
    report(name, false, error instanceof Error ? (error.stack ?? error.message) : String(error));
    return undefined;
  }
}
