// SPDX-License-Identifier: GPL-2.0-only
/** The live proof: a process in a container's namespaces translates its own PID both ways, and /proc says whether it is right. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { listProcesses } from '../containers/processes.js';
import { errnoName, MpuError } from '../errors.js';
import type { TranslationMethod } from '../translator.js';
import { lastLines } from '../system/program.js';

/** What a method answered: both numbers, or why it could not be asked. */
export type MethodAnswer = { host: number; back: number } | { why: string };

/** What the probe says. */
export interface ProbeAnswer {
  pid: number;
  methods: Partial<Record<TranslationMethod, MethodAnswer>>;
}

/** How a proof went. */
export interface Proof extends ProbeAnswer {
  /** Whether it was tried in a PID namespace other than the host's; on the host both numbers are the same. */
  inNamespace: boolean;
  /** The host PID of the process by /proc; undefined where that cannot be seen. */
  truth?: number;
}

const PROBE = fileURLToPath(new URL('probe.js', import.meta.url));
const LIMIT_MS = 20_000;

/** Nobody: processes of the container may look at, or even stop, what runs in their PID namespace. */
const UNPRIVILEGED = [
  'setpriv',
  '--reuid=65534',
  '--regid=65534',
  '--clear-groups',
  '--no-new-privs',
  '--bounding-set=-all',
  '--inh-caps=-all',
  '--',
];

/** Runs a command in a new PID namespace. */
export const newNamespace = (): string[] =>
  process.getuid?.() === 0
    ? ['unshare', '--pid', '--fork', '--kill-child', '--']
    : ['unshare', '--user', '--map-current-user', '--pid', '--fork', '--kill-child', '--'];

/** Runs a command in the PID and network namespaces of a process, with this system's files and without privileges. */
export const namespacesOf = (pid: number): string[] => [
  'nsenter',
  '--target',
  String(pid),
  '--pid',
  '--net',
  '--',
  ...UNPRIVILEGED,
];

/** The descendant of a process whose innermost number is `number`. */
function descendant(ancestor: number, number: number): number | undefined {
  const processes = listProcesses();
  const below = new Set([ancestor]);
  // Parents mostly have lower numbers than their children, but need not.
  for (let before = 0; before !== below.size;) {
    before = below.size;
    for (const { pid, parent } of processes) if (below.has(parent)) below.add(pid);
  }
  return processes.find(
    ({ pid, numbers }) => pid !== ancestor && below.has(pid) && numbers.length > 1 && numbers.at(-1) === number,
  )?.pid;
}

const OTHERS = { read: 0o4, execute: 0o1 } as const;

/** Whether every user may read, or execute, a file. */
function isForEverybody(path: string, use: keyof typeof OTHERS): boolean {
  const parent = dirname(path);
  return (statSync(path).mode & OTHERS[use]) !== 0 && (parent === path || isForEverybody(parent, 'execute'));
}

/** Why the probe did not run, by the error of starting it or by what was said. */
function cannotProve(around: readonly string[], error: unknown, said: string): Error {
  const what = 'cannot make the live proof';
  const [program = ''] = around;
  if (errnoName(error) === 'ENOENT' && program !== '') {
    return new MpuError({
      code: 'program-missing',
      what,
      why: `${program} is not installed`,
      next: 'install util-linux, which has it',
      cause: error,
    });
  }
  const needed = [
    [PROBE, 'read'],
    [process.execPath, 'execute'],
  ] as const;
  const hidden = needed.find(([path, use]) => !isForEverybody(path, use));
  if (around.includes('setpriv') && hidden !== undefined) {
    return new MpuError({
      code: 'probe-unreadable',
      what,
      why: `not every user may ${hidden[1]} ${hidden[0]}`,
      next: 'install it where every user may, e.g. below /usr',
      cause: error,
    });
  }
  return error instanceof Error ? error : new Error(said === '' ? 'the probe said nothing' : said);
}

/**
 * Runs the probe behind a command line such as {@link newNamespace}, or right here behind none. `pidns` is the namespace file to use, if there is
 * one. Rejects with an Error, an MpuError where something can be done about it, when it cannot be run.
 */
export async function prove(around: readonly string[], pidns: string | undefined): Promise<Proof> {
  const descriptor = pidns === undefined ? undefined : openSync(pidns, 'r');
  const [program, ...args] = [...around, process.execPath, PROBE];
  const child = spawn(program, args, { cwd: '/', stdio: ['pipe', 'pipe', 'pipe', descriptor ?? 'ignore'] });
  const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  if (descriptor !== undefined) closeSync(descriptor);
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin?.on('error', () => undefined);
  const ended = new Promise<void>((resolve) => child.once('close', resolve));
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  try {
    const line = await Promise.race([
      failed.catch((error: unknown) => {
        throw cannotProve(around, error, '');
      }),
      new Promise<string | undefined>((resolve) => {
        if (child.stdout !== null) createInterface({ input: child.stdout }).once('line', resolve);
        void ended.then(() => {
          resolve(undefined);
        });
      }),
    ]);
    if (line === undefined) throw cannotProve(around, undefined, lastLines({ stdout: Buffer.alloc(0), stderr }));
    const answer = JSON.parse(line) as ProbeAnswer;
    const truth = descendant(child.pid ?? 0, answer.pid);
    return { ...answer, inNamespace: around.length > 0, ...(truth === undefined ? {} : { truth }) };
  } finally {
    child.stdin?.end();
    await Promise.race([ended, failed.catch(() => undefined)]);
    clearTimeout(limit);
  }
}

/** What a method proved: undefined when it is right, else what is wrong. */
export function wrongWith(proof: Proof, method: TranslationMethod): string | undefined {
  const answer = proof.methods[method];
  if (answer === undefined) return `${method}: there is no namespace file`;
  if ('why' in answer) return answer.why.startsWith(`${method}:`) ? answer.why : `${method}: ${answer.why}`;
  if (answer.host === 0) return `${method}: the own PID ${proof.pid} is not known`;
  if (answer.back !== proof.pid) return `${method}: PID ${proof.pid} became ${answer.host}, and that ${answer.back}`;
  if (proof.truth !== undefined && proof.truth !== answer.host)
    return `${method}: PID ${proof.pid} became ${answer.host}, and is ${proof.truth}`;
  return undefined;
}
