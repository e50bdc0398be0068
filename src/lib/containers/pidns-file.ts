// SPDX-License-Identifier: GPL-2.0-only
/** The file of the host's PID namespace that containers are given. */
import { statSync } from 'node:fs';
import { hostNamespace, namespaceOfFile } from './processes.js';
import { errnoName } from '../errors.js';

/** `host`: it is what it has to be. `ordinary`: a file or directory that nothing is mounted on. */
export type PidnsState = 'absent' | 'unreadable' | 'directory' | 'ordinary' | 'other-namespace' | 'host';

/** The commands that put it there, on one line. */
export const MOUNT_PIDNS =
  'sudo mkdir -p /run/mpu; sudo touch /run/mpu/pidns; sudo mount --bind /proc/self/ns/pid /run/mpu/pidns';

/** The option that gives it to a container. */
export const PIDNS_VOLUME = '-v /run/mpu/pidns:/run/mpu/pidns:ro';

/** Looks at a path that should be the file. */
export function pidnsState(path: string): PidnsState {
  try {
    if (statSync(path).isDirectory()) return 'directory';
    const namespace = namespaceOfFile(path);
    if (namespace === undefined) return 'ordinary';
    return namespace === hostNamespace() ? 'host' : 'other-namespace';
  } catch (error) {
    return errnoName(error) === 'ENOENT' ? 'absent' : 'unreadable';
  }
}
