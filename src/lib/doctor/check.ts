// SPDX-License-Identifier: GPL-2.0-only
/** What a check of `mpu doctor` is. */
import { MpuError, messageOf } from '../errors.js';

/** `fail`: containers are not shown the right processes; `warn`: they are, but somebody should know. */
export type Verdict = 'ok' | 'info' | 'warn' | 'fail';

/** What a check found. */
export interface Finding {
  verdict: Verdict;
  /** One line. */
  why: string;
  /** What to do about it, preferably a command to type. */
  next?: string;
}

/** One check. */
export interface Check<Context> {
  /** Stable kebab-case name, for programs. */
  id: string;
  title: string;
  /** Whether it means anything here. */
  applies: (context: Context) => boolean;
  run: (context: Context) => Finding | Promise<Finding>;
}

/** A finding and the check that made it. */
export interface CheckResult extends Finding {
  id: string;
  title: string;
}

export const ok = (why: string): Finding => ({ verdict: 'ok', why });
export const info = (why: string, next?: string): Finding => ({
  verdict: 'info',
  why,
  ...(next === undefined ? {} : { next }),
});
export const warn = (why: string, next: string): Finding => ({ verdict: 'warn', why, next });
export const fail = (why: string, next: string): Finding => ({ verdict: 'fail', why, next });

/** An error as a finding: an {@link MpuError} says itself what to do. */
export function findingOf(verdict: Verdict, error: unknown): Finding {
  if (error instanceof MpuError) return { verdict, why: error.why, next: error.next };
  return { verdict, why: messageOf(error), next: 'run it again; if it stays, report what it says' };
}

/** Runs every check that applies, in order; one that throws has failed. */
export async function runChecks<Context>(checks: readonly Check<Context>[], context: Context): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const { id, title, applies, run } of checks) {
    if (!applies(context)) continue;
    const finding = await Promise.resolve(context)
      .then(run)
      .catch((error: unknown) => findingOf('fail', error));
    results.push({ id, title, ...finding });
  }
  return results;
}

/** Whether the main job works: no check failed. */
export const works = (results: readonly CheckResult[]): boolean => results.every(({ verdict }) => verdict !== 'fail');
