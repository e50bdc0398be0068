// SPDX-License-Identifier: GPL-2.0-only
/** The file that the host gives containers, so that they can translate PIDs without mpu.ko. */
import { closeSync, openSync, readSync, statfsSync, statSync } from 'node:fs';
import { hostNamespace, namespaceOfFile } from './processes.js';
import { errnoName } from '../errors.js';

/**
 * `host`: the host's PID namespace (Linux 6.11 and later). `iterator`: mpu's BPF task iterator. `ordinary`: a file or
 * directory that nothing is mounted on.
 */
export type PidnsState = 'absent' | 'unreadable' | 'directory' | 'ordinary' | 'other-namespace' | 'host' | 'iterator';

/** Returns whether libmpu.so can translate by the file. */
export const isTranslator = (state: PidnsState): state is 'host' | 'iterator' =>
  state === 'host' || state === 'iterator';

/** The option that gives it to a container. */
export const PIDNS_VOLUME = '-v /run/mpu/pidns:/run/mpu/pidns:ro';

/** linux/magic.h */
const BPF_FS_MAGIC = 0xcafe4a11;
/** MPU_PIDNS_MAGIC of bpf/pidns-file.h, as it stands in the file. */
const PIDNS_MAGIC = 0x6d707501;

/** Returns whether a file is an iterator of this version of mpu. Nothing but a BPF file system's file is read. */
function isIterator(path: string): boolean {
  if (statfsSync(path).type !== BPF_FS_MAGIC) return false;
  const file = openSync(path, 'r');
  try {
    const header = Buffer.alloc(4096);
    return readSync(file, header) >= 16 && header.readUInt32LE(0) === PIDNS_MAGIC;
  } finally {
    closeSync(file);
  }
}

/** Looks at a path that should be the file. */
export function pidnsState(path: string): PidnsState {
  try {
    if (statSync(path).isDirectory()) return 'directory';
    const namespace = namespaceOfFile(path);
    if (namespace !== undefined) return namespace === hostNamespace() ? 'host' : 'other-namespace';
    return isIterator(path) ? 'iterator' : 'ordinary';
  } catch (error) {
    return errnoName(error) === 'ENOENT' ? 'absent' : 'unreadable';
  }
}
