// SPDX-License-Identifier: GPL-2.0-only
/** Xid lines of the kernel log: what NVIDIA's driver says when a GPU or a program on it fails. */

/** What a line says. */
export interface XidLine {
  /** The line as it came. */
  line: string;
  /** The GPU, e.g. `PCI:0000:3b:00`. */
  device: string;
  /** Number of the error; NVIDIA documents what each means. */
  xid: number;
  /** Host PID of the process that the driver blames; null where it names none. */
  hostPid: number | null;
  /** Name of that process, as in /proc/PID/comm; null where the driver does not give it. */
  name: string | null;
  /** When it was logged, in seconds since the system was started; null where the line does not tell. */
  uptime: number | null;
}

/** rm_log_xid: `NVRM: Xid (PCI:0000:3b:00): 31, pid=1234, name=python3, Ch 00000008, ...`; older drivers give no name. */
const XID = /\bNVRM: Xid \(([^)]*)\): (\d+)\b(.*)$/;
const PROCESS = /^[^=]*?\bpid=(\d+)\b(?:, name=(.*)$)?/;
/** The kernel keeps so many bytes of a name. */
const MAX_NAME = 15;

const MONOTONIC = [
  // dmesg: `[  123.456789] `
  { pattern: /^\[\s*(\d+\.\d+)\]/, unit: 1 },
  // /dev/kmsg: `4,1234,123456789,-;`
  { pattern: /^\d+,\d+,(\d+),[^;]*;/, unit: 1e-6 },
];

function uptimeOf(line: string): number | null {
  for (const { pattern, unit } of MONOTONIC) {
    const [, time] = pattern.exec(line) ?? [];
    if (time !== undefined) return Number(time) * unit;
  }
  return null;
}

/** Returns what an Xid line says; undefined for any other line. */
export function parseXidLine(line: string): XidLine | undefined {
  const [, device, xid, rest = ''] = XID.exec(line) ?? [];
  if (device === undefined) return undefined;
  const [, pid, named] = PROCESS.exec(rest) ?? [];
  const hostPid = pid === undefined || Number(pid) === 0 ? null : Number(pid);
  const [name = ''] = named?.split(', ') ?? [];
  return {
    line,
    device,
    xid: Number(xid),
    hostPid,
    name: hostPid === null || name === '' || name === '<unknown>' ? null : name,
    uptime: uptimeOf(line),
  };
}

/** Returns true if a process of that name can be the one that a line means. A name may have commas in it, too. */
export function isNamed({ line, name }: XidLine, comm: string): boolean {
  if (name === null) return true;
  const [, , , rest = ''] = XID.exec(line) ?? [];
  const [, , named = ''] = PROCESS.exec(rest) ?? [];
  const own = comm.slice(0, MAX_NAME);
  return own !== '' && (named === own || named.startsWith(`${own}, `));
}
