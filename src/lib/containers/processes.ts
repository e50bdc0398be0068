// SPDX-License-Identifier: GPL-2.0-only
/** Processes as /proc shows them, and which PID namespace is the host's. */
import { readdirSync, readFileSync, readlinkSync, statfsSync, statSync } from 'node:fs';

/** A process, seen from the PID namespace of this program. */
export interface Process {
  /** Its number here. */
  pid: number;
  /** Number of its parent; 0 for one that is not visible from here. */
  parent: number;
  /** Its numbers, from here down to its own PID namespace. */
  numbers: number[];
  /** Inode number of its PID namespace; undefined where it may not be read. */
  namespace: number | undefined;
  /** Real user id, as this user namespace counts. */
  uid: number;
  /** Text of its cgroup file. */
  cgroup: string;
}

/** Inode number of the initial PID namespace (PROC_PID_INIT_INO, fixed since Linux 3.8). */
const INITIAL_NAMESPACE = 0xeffffffc;

/** Type of the file system of namespace files (linux/magic.h). */
const NSFS_MAGIC = 0x6e736673;

/** Inode number of the namespace that a file is; undefined for an ordinary file. Throws where there is none. */
export function namespaceOfFile(path: string): number | undefined {
  return statfsSync(path).type === NSFS_MAGIC ? statSync(path).ino : undefined;
}

/** Where the host's PID namespace is put for containers. */
export const DEFAULT_PIDNS = '/run/mpu/pidns';

/** The file that stands for the host's PID namespace: MPU_PIDNS, as for libmpu.so, else the default. */
export function pidnsPath(): string {
  const chosen = process.env.MPU_PIDNS ?? '';
  return chosen === '' ? DEFAULT_PIDNS : chosen;
}

/** Inode number of the PID namespace that counts as the host's: the initial one, or that of the file in MPU_PIDNS. */
export function hostNamespace(): number {
  const chosen = process.env.MPU_PIDNS ?? '';
  if (chosen === '') return INITIAL_NAMESPACE;
  try {
    return namespaceOfFile(chosen) ?? INITIAL_NAMESPACE;
  } catch {
    return INITIAL_NAMESPACE;
  }
}

/** The text of a file of a process; empty once the process has ended, or where it may not be read. */
export function readProc(pid: number | 'self', name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

/** Inode number of a process's PID namespace; undefined where it may not be read. */
export function pidNamespace(pid: number | 'self'): number | undefined {
  try {
    const match = /^pid:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/ns/pid`));
    return match === null ? undefined : Number(match[1]);
  } catch {
    return undefined;
  }
}

/** Whether this program runs in the host's PID namespace. */
export function isOnHost(): boolean {
  return pidNamespace('self') === hostNamespace();
}

function statusField(status: string, name: string): number[] {
  const line = new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '';
  return line.split(/\s+/).filter(Boolean).map(Number);
}

/** Looks at a process; a thread's id gives its process. Undefined when there is none. */
export function readProcess(pid: number): Process | undefined {
  const status = readProc(pid, 'status');
  const [group] = statusField(status, 'Tgid');
  if (group === undefined) return undefined;
  if (group !== pid) return readProcess(group);
  return {
    pid,
    parent: statusField(status, 'PPid')[0] ?? 0,
    numbers: statusField(status, 'NStgid'),
    namespace: pidNamespace(pid),
    uid: statusField(status, 'Uid')[0] ?? 0,
    cgroup: readProc(pid, 'cgroup'),
  };
}

/** When a process was started, in clock ticks since the system was; 0 once it has ended. */
export function startTime(pid: number): number {
  // After the program's name, which may have anything in it, comes the third field; this is the 22nd (proc(5)).
  const [, fields = ''] = /^.*\)([^)]*)$/s.exec(readProc(pid, 'stat')) ?? [];
  return Number(fields.trim().split(' ')[19] ?? 0);
}

/** Every process that is visible from here. */
export function listProcesses(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(Number(name)) ?? []);
}

/** The arguments a process was started with, the program's name first; empty for kernel threads. */
export function argumentsOf(pid: number): string[] {
  const text = readProc(pid, 'cmdline').replace(/\0+$/, '');
  return text === '' ? [] : text.split('\0');
}
