// SPDX-License-Identifier: GPL-2.0-only
/** `mpu xid`: the container and the PID inside for the processes that Xid lines name. */
import { Option } from 'commander';
import { setTimeout as sleep } from 'node:timers/promises';
import { isOnHost } from '../lib/containers/processes.js';
import { MpuError, messageOf, throwIfInterrupted, usageError } from '../lib/errors.js';
import { findGpuProcesses } from '../lib/gpu/processes.js';
import { printable } from '../lib/terminal/table.js';
import { describeXid, identifyXid, type XidEvent } from '../lib/xid/events.js';
import { parseXidLine } from '../lib/xid/line.js';
import { followKernelLog, linesOf } from '../lib/xid/lines.js';
import { SeenProcesses } from '../lib/xid/seen-processes.js';
import type { RegisterCommand, Run } from './command.js';

const DESCRIPTION = `Add containers to the kernel log's Xid lines, which name processes by host PID.

Reads kernel log lines from standard input and prints those with an Xid, each with the
container of its process, its PID inside and, in Kubernetes, its Pod.

With --follow it waits for new lines. It then remembers GPU processes for ten minutes,
because a process has mostly ended when its error is logged.`;

const EXAMPLES = `
"process gone" is said of a process that has ended and was not seen before. A PID that
may be another process's by now is never taken for it: lines without a time since boot,
as journalctl prints them, tell less than those of dmesg.

Examples:
  sudo dmesg | mpu xid
  journalctl -k -o short-monotonic | mpu xid
  sudo mpu xid --follow
  sudo mpu xid --follow --json | jq --unbuffered -c '{xid, pod: .container.pod}'

Exit codes: 0 done, also without any Xid; 1 the kernel log cannot be followed; 2 usage;
3 nothing here prints the kernel log.
`;

/** How often GPU processes are looked at. */
const LOOK_MS = 2000;

const print = ({ output }: Run, event: XidEvent): void => {
  output.result(`${printable(event.line)} -- ${describeXid(event)}`, event);
};

/** A function, since the compiler takes a signal that has not fired for one that never does. */
const isAborted = (signal: AbortSignal): boolean => signal.aborted;

/** Keeps `seen` up to date until the signal fires. */
async function watchProcesses(seen: SeenProcesses, { output }: Run, signal: AbortSignal): Promise<void> {
  let told: string | undefined;
  while (!signal.aborted) {
    try {
      seen.add((await findGpuProcesses({ signal })).processes);
      told = undefined;
    } catch (error) {
      const why = error instanceof MpuError ? error.why : messageOf(error);
      if (isAborted(signal)) return;
      // Once for as long as it lasts; lines are still good for processes that run.
      if (why !== told && !output.json) output.note(`GPU processes are not remembered: ${why}`);
      told = why;
    }
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function follow(run: Run): Promise<void> {
  run.output.stream();
  const seen = new SeenProcesses();
  const ended = new AbortController();
  const signal = AbortSignal.any([run.signal, ended.signal]);
  const watching = watchProcesses(seen, run, signal);
  try {
    for await (const line of followKernelLog(signal)) {
      const xid = parseXidLine(line);
      if (xid !== undefined) print(run, await identifyXid(xid, seen, true));
    }
  } finally {
    ended.abort();
    await watching;
  }
}

async function readLines(run: Run): Promise<void> {
  if (process.stdin.isTTY) {
    throw usageError('cannot read kernel log lines', 'standard input is a terminal', 'sudo dmesg | mpu xid');
  }
  const events: XidEvent[] = [];
  for await (const line of linesOf(process.stdin, run.signal)) {
    const xid = parseXidLine(line);
    if (xid === undefined) continue;
    const event = await identifyXid(xid);
    if (run.output.json) events.push(event);
    else print(run, event);
  }
  throwIfInterrupted(run.signal);
  if (run.output.json) run.output.result('', { events });
}

/** Registers `mpu xid`. */
export const registerXid: RegisterCommand = (program, run) => {
  program
    .command('xid')
    .summary("add containers to the kernel log's Xid lines")
    .description(DESCRIPTION)
    .addOption(new Option('-f, --follow', 'wait for new lines of the kernel log').env('MPU_FOLLOW'))
    .addHelpText('after', EXAMPLES)
    .action(async ({ follow: following }: { follow?: boolean }) => {
      if (!isOnHost()) {
        throw usageError(
          'cannot tell whose Xid lines are',
          'the kernel log has host PIDs, and this is inside a container',
          'run mpu xid on the host',
        );
      }
      await (following === true ? follow(run) : readLines(run));
    });
};
