// SPDX-License-Identifier: GPL-2.0-only
/** `mpu xid` with lines on standard input, and following a journal that this test writes. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import t from 'tap';
import { cannotUnshare, eventually } from '../rm-sim/session.js';
import { CLI } from './gpu-host.js';

const directory = mkdtempSync(join(tmpdir(), 'mpu-xid-'));
t.teardown(() => {
  rmSync(directory, { recursive: true });
});

// In the place of the host's PID namespace stands the tests' own.
const env = { ...process.env, MPU_PIDNS: '/proc/self/ns/pid' };

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

function start(args: string[], variables: NodeJS.ProcessEnv = {}): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [CLI, 'xid', ...args], { env: { ...env, ...variables } });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'close').then(([status]) => ({ status: status as number | null, stdout, stderr }));
  return { child, ended };
}

async function given(text: string, args: string[] = []): Promise<Ended> {
  const { child, ended } = start(args);
  child.stdin?.end(text);
  return ended;
}

const uptime = (): string => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]).toFixed(3);
const fault = (pid: number, name: string): string =>
  `NVRM: Xid (PCI:0000:3b:00): 31, pid=${pid}, name=${name}, Ch 00000008, intr 00000000`;

await t.test('standard input', async (t) => {
  const lines = [
    'usb 1-1: new device',
    `[${uptime()}] ${fault(process.pid, 'node')}`,
    `[${uptime()}] ${fault(4_000_000, 'train')}`,
    'NVRM: Xid (PCI:0000:03:00): 79, GPU has fallen off the bus.\u001b[2J',
  ];
  const { status, stdout, stderr } = await given(lines.join('\n'));
  t.equal(status, 0, stderr);
  const [own = '', other = '', none = '', ...rest] = stdout.split('\n');
  t.match(own, / -- (process of the host|container .*)$/);
  t.match(other, / -- process gone$/);
  t.match(none, /\?\[2J -- no process named$/, 'nothing that a terminal obeys');
  t.same(rest, [''], 'and no other line');

  const json = await given(lines.join('\n'), ['--json']);
  t.match(JSON.parse(json.stdout), {
    ok: true,
    command: 'xid',
    events: [
      { xid: 31, hostPid: process.pid, process: 'running' },
      { xid: 31, hostPid: 4_000_000, process: 'gone', container: null, containerPid: null },
      { xid: 79, hostPid: null, process: 'none' },
    ],
  });
  t.match(await given(''), { status: 0, stdout: '' }, 'no line at all');
});

await t.test('an interrupt ends it at once', async (t) => {
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    const { child, ended } = start([]);
    child.stdin?.write(`${fault(4_000_000, 'train')}\n`);
    await once(child.stdout ?? child, 'data');
    const begun = Date.now();
    child.kill(name);
    const { status } = await ended;
    t.ok(Date.now() - begun < 2000, `${name}: within ${Date.now() - begun} ms`);
    t.equal(status, name === 'SIGINT' ? 130 : 143, name);
  }
});

await t.test('following the journal', async (t) => {
  const journal = join(directory, 'journal');
  const follower = join(directory, 'journalctl');
  writeFileSync(follower, `#!/bin/sh\necho "$@" >${directory}/arguments\nexec tail -n +1 -f ${journal}\n`);
  chmodSync(follower, 0o755);
  const variables = { PATH: [directory, process.env.PATH ?? ''].join(delimiter) };
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    writeFileSync(journal, '');
    const { child, ended } = start(['--follow', '--json'], variables);
    appendFileSync(journal, `something else\n${fault(process.pid, 'node')}\n`);
    const [chunk] = (await once(child.stdout ?? child, 'data')) as [string];
    t.match(JSON.parse(chunk), { xid: 31, hostPid: process.pid, process: 'running' }, 'one document a line');
    appendFileSync(journal, `${fault(4_000_000, 'train')}\n`);
    const [next] = (await once(child.stdout ?? child, 'data')) as [string];
    t.match(JSON.parse(next), { process: 'gone' });
    const begun = Date.now();
    child.kill(name);
    const { status, stderr } = await ended;
    t.ok(Date.now() - begun < 2000, `${name}: within ${Date.now() - begun} ms`);
    t.equal(status, 0, `${name} is how it ends: ${stderr}`);
  }
  t.match(readFileSync(join(directory, 'arguments'), 'utf8'), /--follow/);

  writeFileSync(follower, '#!/bin/sh\necho "no journal files" >&2; exit 1\n');
  const { ended } = start(['--follow'], variables);
  t.match(await ended, { status: 1, stderr: /cannot follow the kernel log\n.*no journal files/ });
});

await t.test('a process in a PID namespace of its own', { skip: cannotUnshare }, async (t) => {
  const holder = spawn('unshare', ['--pid', '--fork', '--kill-child', 'sleep', '60'], { stdio: 'ignore' });
  const own = (): number =>
    Number(readFileSync(`/proc/${holder.pid ?? 0}/task/${holder.pid ?? 0}/children`, 'utf8').trim());
  const pid = await eventually('the process', () => (own() > 0 ? own() : undefined));
  await eventually('its program', () => (readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n' ? true : undefined));
  const line = `[${(Number(uptime()) + 1).toFixed(3)}] ${fault(pid, 'sleep')}`;
  const { stdout } = await given(line);
  t.match(stdout, / -- container pidns:\d+, PID 1\n$/);
  const json = JSON.parse((await given(line, ['--json'])).stdout) as unknown;
  t.match(json, { events: [{ process: 'running', containerPid: 1, container: { runtime: 'unknown' } }] });
  holder.kill('SIGKILL');
  await once(holder, 'close');
});

await t.test('inside a container', async (t) => {
  const { child, ended } = start([], { MPU_PIDNS: '/proc/self/ns/net' });
  child.stdin?.end();
  t.match(await ended, { status: 2, stderr: /inside a container[^]*run mpu xid on the host/ });
});
