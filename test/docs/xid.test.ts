// SPDX-License-Identifier: GPL-2.0-only
/** Types what docs/xid.md and the help of mpu xid say, with a kernel log of two lines. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { codeBlocks } from '../support/docs.js';
import { checkout, mpu } from '../support/mpu.js';
import { CLI } from '../commands/gpu-host.js';

const directory = mkdtempSync(join(tmpdir(), 'mpu-xid-docs-'));
t.teardown(() => {
  rmSync(directory, { recursive: true });
});

/** Programs in the place of those of a host with a GPU. */
const HOST = `
sudo() { "$@"; }
dmesg() { cat log; }
journalctl() { cat log; }
mpu() { timeout --preserve-status -s INT 20 "${process.execPath}" "${CLI}" "$@"; }
`;

const FOLLOWED = `#!/bin/sh
cat '${directory}/log'
exec sleep 60
`;

await t.test('what the page and the help say', async (t) => {
  const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  const line = (pid: number): string =>
    `[ ${uptime}] NVRM: Xid (PCI:0000:3b:00): 31, pid=${pid}, name=node, Ch 00000008`;
  writeFileSync(join(directory, 'log'), `[ 1.0] usb\n${line(process.pid)}\n${line(4_000_000)}\n`);
  writeFileSync(join(directory, 'journalctl'), FOLLOWED, { mode: 0o755 });
  const { stdout: help } = await mpu(['xid', '--help']);
  const [, examples = ''] = /^Examples:\n((?: {2}.*\n)+)/m.exec(help) ?? [];
  const commands = [...codeBlocks('docs/xid.md', 'sh'), ...examples.trim().split('\n')].map((command) =>
    command.trim(),
  );
  t.ok(commands.length >= 7, `${commands.length} commands`);
  for (const command of commands) {
    const followed = command.includes('--follow');
    // One that waits for more lines gets an interrupt.
    const script = followed ? HOST.replace('-s INT 20', '-s INT 6').replace(/^journalctl.*\n/m, '') : HOST;
    const { stdout, stderr, status } = spawnSync('bash', ['-c', `${script}\n${command}`], {
      cwd: directory,
      encoding: 'utf8',
      env: { ...process.env, MPU_PIDNS: '/proc/self/ns/pid', PATH: `${directory}:${process.env.PATH ?? ''}` },
    });
    t.equal(status, 0, command, { stderr });
    if (command.includes('jq')) t.match(stdout, /^\{"xid":31,"pod":null\}\n\{"xid":31,"pod":null\}\n$/, command);
    else if (command.includes('--json'))
      t.match(JSON.parse(stdout), { events: [{ process: 'running' }, { process: 'gone' }] });
    else t.match(stdout, /pid=4000000, .* -- process gone$/m, command);
  }
});

await t.test('the table', (t) => {
  const page = readFileSync(join(checkout, 'docs', 'xid.md'), 'utf8');
  const source = readFileSync(join(checkout, 'src', 'lib', 'xid', 'events.ts'), 'utf8');
  const quotes = [...page.matchAll(/^\| `([a-z][^`.]+)` \|/gm)].map(([, quote = '']) => quote);
  t.ok(quotes.length >= 4);
  for (const quote of quotes) t.ok(source.includes(quote), quote);
  t.end();
});
