// SPDX-License-Identifier: GPL-2.0-only
/** For commands that run guests outside of the suite: a line a case on standard output, and the exit status. */
import { casesOf, onlySubject, type CASES, type GuestResult } from './guest.js';
import type { Kernel } from './kernels.js';

/** Prints a line, and makes the exit status 1 where something is not as it should be. */
export function report(ok: boolean, name: string, detail = ''): void {
  if (!ok) process.exitCode = 1;
  process.stdout.write(`${ok ? 'ok' : 'not ok'} - ${name}${detail === '' ? '' : `\n${detail}`}\n`);
}

/** Prints what a guest with one subject found out, and whether that is all it was to find out. */
export function reportGuest(
  who: string,
  subject: keyof typeof CASES,
  kernel: Kernel,
  result: GuestResult,
  further = 0,
): void {
  const { cases, ended, left } = onlySubject(result);
  for (const { name, ok } of cases) report(ok, `${who}: ${name}`);
  const wanted = casesOf(subject, kernel) + further;
  report(cases.length === wanted, `${who}: ${cases.length} of ${wanted} cases`);
  report(left.length === 0, `${who}: it leaves nothing in the kernel`, left.join('\n'));
  const finished = ended && result.finished;
  report(finished, `${who}: the guest ended by its own will`, finished ? '' : result.ending);
}
