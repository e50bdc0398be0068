// SPDX-License-Identifier: GPL-2.0-only
/** In a guest: runs mpu as it is installed there, and checks what it prints. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { CheckResult } from '#mpu/lib/doctor/check.js';
import type { ModuleStatus } from '#mpu/lib/module/status.js';
import type { ModuleState } from '#mpu/lib/translator.js';
import { report } from '../init/say.js';

const NODE = ['/usr/bin/node', '/mpu/dist/cli.js'];
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
/** Puts the compiler and make that stand in for a real build first. */
export const STAND_INS = `/stand-ins:${PATH}`;

/** A document of `mpu --json`. Which fields it has depends on the verb: a check that reads another one fails. */
export interface Answer extends Omit<ModuleStatus, 'loaded'> {
  status: number | null;
  stderr: string;
  ok: boolean;
  outcome: string;
  path: string;
  place: string;
  intercept: string;
  reason: string;
  removed: string[];
  module: ModuleState;
  loaded: { owner: string; version: string; answer: ModuleState };
  error: { code: string; why: string; next: string };
  checks: CheckResult[];
}

/** Runs mpu, after the words of `prefix` and with `path` to find programs. */
export function mpu(args: string[], prefix: string[] = [], path = PATH): Answer {
  const [program, ...rest] = [...prefix, ...NODE, ...args, '--json'];
  const { status, stdout, stderr } = spawnSync(program, rest, { encoding: 'utf8', env: { PATH: path, HOME: '/root' } });
  const document = ((): object => {
    try {
      return JSON.parse(stdout) as object;
    } catch {
      return { stdout };
    }
  })();
  return { status, stderr, ...document } as Answer;
}

/** Runs `mpu module`. */
export const mpuModule = (args: string[], prefix?: string[], path?: string): Answer =>
  mpu(['module', ...args], prefix, path);

/** Reports as a case whether something holds; `detail` is printed where it does not. */
export function check(name: string, ok: () => boolean, detail: unknown): void {
  let holds = false;
  let thrown = '';
  try {
    holds = ok();
  } catch (error) {
    thrown = String(error);
  }
  report(name, holds, `${JSON.stringify(detail, null, 1)}\n${thrown}`);
}

/** Reports as a case whether an answer is right. */
export function expect(name: string, answer: Answer, ok: (answer: Answer) => boolean): void {
  check(name, () => ok(answer), answer);
}

/** The verdict and the reason of a check of `mpu doctor`. */
export function verdict(checks: readonly CheckResult[], id: string): string {
  const found = checks.find((each) => each.id === id);
  return `${found?.verdict ?? ''}: ${found?.why ?? ''}`;
}

/** Where Debian's packages and `mpu module install` put the modules of the running kernel. */
export const installedModules = (): string =>
  `/lib/modules/${readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim()}/extra`;
