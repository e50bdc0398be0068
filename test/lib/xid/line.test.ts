// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { isNamed, parseXidLine, type XidLine } from '#mpu/lib/xid/line.js';

const parsed = (line: string): XidLine => {
  const xid = parseXidLine(line);
  if (xid === undefined) throw new Error(`no Xid: ${line}`);
  return xid;
};

void t.test('what drivers log', (t) => {
  const fault = 'NVRM: Xid (PCI:0000:3b:00): 31, pid=1234, name=python3, Ch 00000008, intr 00000000. MMU Fault: ENGINE';
  t.match(parsed(fault), { device: 'PCI:0000:3b:00', xid: 31, hostPid: 1234, name: 'python3', uptime: null });
  t.match(parsed('NVRM: Xid (PCI:0000:65:00): 43, pid=9371, Ch 00000010'), { xid: 43, hostPid: 9371, name: null });
  for (const nobody of [
    "NVRM: Xid (PCI:0000:01:00): 13, pid='<unknown>', name=<unknown>, Graphics Exception: ESR 0x405840=0x8000",
    'NVRM: Xid (PCI:0000:03:00): 79, GPU has fallen off the bus.',
    'NVRM: Xid (PCI:0000:03:00): 79, pid=0, name=, GPU has fallen off the bus.',
  ]) {
    t.match(parsed(nobody), { hostPid: null, name: null }, nobody);
  }
  t.match(parsed('NVRM: Xid (PCI:0000:03:00): 31, pid=7, name=<unknown>, Ch 1'), { hostPid: 7, name: null });
  t.end();
});

void t.test('when it was logged', (t) => {
  const line = 'NVRM: Xid (PCI:0000:65:00): 43, pid=9371, Ch 00000010';
  for (const [prefix, uptime] of [
    ['[ 8812.401000] ', 8812.401],
    ['[    0.5] host kernel: ', 0.5],
    ['4,1234,8812401000,-;', 8812.401],
    ['Nov 28 12:00:00 host kernel: ', null],
    ['[Sat Nov 28 12:00:00 2026] ', null],
    ['', null],
  ] as const) {
    t.equal(parsed(prefix + line).uptime, uptime, prefix);
  }
  t.end();
});

void t.test('other lines', (t) => {
  for (const line of ['', 'NVRM: loading NVIDIA UNIX', 'Xid (PCI:1): 31', 'NVRM: Xid', 'NVRM: Xid (PCI:0): x'])
    t.equal(parseXidLine(line), undefined, line);
  t.end();
});

void t.test('names', (t) => {
  const line = parsed('NVRM: Xid (PCI:0000:3b:00): 31, pid=1, name=a, b, Ch 00000008, more');
  for (const [comm, is] of [
    ['a, b', true],
    ['a', true],
    ['a, b, Ch 0000000', false],
    ['b', false],
    ['', false],
  ] as const) {
    t.equal(isNamed(line, comm), is, comm);
  }
  t.ok(isNamed(parsed('NVRM: Xid (PCI:0): 31, pid=1, Ch 8'), 'whoever'), 'an older driver gives no name');
  t.ok(isNamed(parsed('NVRM: Xid (PCI:0): 31, pid=1, name=fifteen-letters'), 'fifteen-letters'));
  t.end();
});
