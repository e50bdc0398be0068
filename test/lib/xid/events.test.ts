// SPDX-License-Identifier: GPL-2.0-only
/** Processes that run, have ended, or took over a PID. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { startTime } from '#mpu/lib/containers/processes.js';
import { describeXid, identifyXid } from '#mpu/lib/xid/events.js';
import { parseXidLine, type XidLine } from '#mpu/lib/xid/line.js';
import { SeenProcesses } from '#mpu/lib/xid/seen-processes.js';

const uptime = (): number => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);

function xidLine(pid: number, name: string, logged?: number): XidLine {
  const time = logged === undefined ? '' : `[ ${logged.toFixed(3)}] `;
  const line = parseXidLine(`${time}NVRM: Xid (PCI:0000:3b:00): 31, pid=${pid}, name=${name}, Ch 00000008`);
  if (line === undefined) throw new Error('no line');
  return line;
}

const CONTAINER = { id: 'a', runtime: 'docker', label: 'web' } as const;

void t.test('a process that runs', async (t) => {
  const child = spawn('sleep', ['60']);
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  const [, now] = [child, uptime() + 1];
  t.match(await identifyXid(xidLine(pid, 'sleep', now)), { process: 'running' });
  t.match(await identifyXid(xidLine(pid, 'sleep')), { process: 'unknown', container: null }, 'without a time');
  t.match(await identifyXid(xidLine(pid, 'sleep'), undefined, true), { process: 'running' }, 'logged just now');
  t.match(await identifyXid(xidLine(pid, 'sleep', 1)), { process: 'gone' }, 'logged before it was started');
  t.match(await identifyXid(xidLine(pid, 'train', now), undefined, true), { process: 'gone' }, 'of another name');

  const seen = new SeenProcesses();
  seen.remember(pid, startTime(pid), { comm: 'sleep', container: CONTAINER, containerPid: 7 });
  seen.remember(pid, 1, { comm: 'train', container: CONTAINER, containerPid: 8 });
  t.match(
    await identifyXid(xidLine(pid, 'train'), seen, true),
    { process: 'ended', container: CONTAINER, containerPid: 8 },
    'the process that had the PID before',
  );
  child.kill('SIGKILL');
  await once(child, 'close');
  const ended = await identifyXid(xidLine(pid, 'sleep'), seen, true);
  t.match(ended, { process: 'ended', container: CONTAINER, containerPid: 7 });
  t.equal(describeXid(ended), 'container web, PID 7, ended');
  t.match(await identifyXid(xidLine(pid, 'sleep', now)), { process: 'gone' }, 'that nobody saw');
  seen.remember(pid, 2, { comm: 'sleep', container: CONTAINER, containerPid: 9 });
  t.match(await identifyXid(xidLine(pid, 'sleep'), seen, true), { process: 'unknown' }, 'two of one name');
});

void t.test('in words', (t) => {
  const line = xidLine(1, 'train');
  const event = { ...line, container: null, containerPid: null };
  t.equal(describeXid({ ...event, process: 'none' }), 'no process named');
  t.equal(describeXid({ ...event, process: 'gone' }), 'process gone');
  t.match(describeXid({ ...event, process: 'unknown' }), /may have been reused/);
  t.equal(describeXid({ ...event, process: 'running' }), 'process of the host');
  t.equal(describeXid({ ...event, process: 'ended' }), 'process of the host, ended');
  t.equal(
    describeXid({ ...event, process: 'running', container: CONTAINER }),
    'container web, PID as on the host',
    'a container that shares the PID namespace',
  );
  t.end();
});

void t.test('no process', async (t) => {
  const line = parseXidLine('NVRM: Xid (PCI:0000:03:00): 79, GPU has fallen off the bus.');
  if (line === undefined) throw new Error('no line');
  t.match(await identifyXid(line), { process: 'none', hostPid: null });
});
