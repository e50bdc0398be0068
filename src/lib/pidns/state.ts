// SPDX-License-Identifier: GPL-2.0-only
/** The translator at /run/mpu/pidns as it is now. */
import { readFileSync } from 'node:fs';
import { isTranslator, pidnsState, type PidnsState } from '../containers/pidns-file.js';
import { DEFAULT_PIDNS } from '../containers/processes.js';
import { findPidnsBoot, mountedAtBoot } from './boot.js';
import { Host } from '../system/host.js';

/** What is at the path, and what the next boot puts there. */
export interface PidnsStatus {
  path: string;
  state: PidnsState;
  /** Null where containers that are given the path cannot translate by it. */
  translator: 'bpf' | 'nsfs' | null;
  /** Form of the BPF program (bpf/): `direct` works under every lockdown. */
  form?: 'direct' | 'read';
  /** The unit that enables it at boot; null for none. */
  atBoot: string | null;
}

/** Reads the form from the name that the loader gave the file in its own file system. */
function formOf(path: string): PidnsStatus['form'] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const root = mounts
    .map((line) => line.split(' '))
    .filter((fields) => fields[4] === path)
    .at(-1)?.[3];
  return root === '/direct' || root === '/read' ? (root.slice(1) as 'direct' | 'read') : undefined;
}

/** Returns the state of the path that containers are given. Needs no privilege. */
export async function pidnsStatus(): Promise<PidnsStatus> {
  const path = DEFAULT_PIDNS;
  const state = pidnsState(path);
  const form = state === 'iterator' ? formOf(path) : undefined;
  return {
    path,
    state,
    translator: isTranslator(state) ? (state === 'iterator' ? 'bpf' : 'nsfs') : null,
    ...(form === undefined ? {} : { form }),
    atBoot: mountedAtBoot(await findPidnsBoot(await Host.open())) ?? null,
  };
}
