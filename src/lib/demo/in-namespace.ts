// SPDX-License-Identifier: GPL-2.0-only
/** The demo without a container engine: a new PID namespace stands for the container. */
import { join } from 'node:path';
import type { NvidiaClient } from '../nvidia-clients/nvidia-clients.js';
import { nativeLibrary } from '../payload/libraries.js';
import type { Runner } from './comparison.js';

/**
 * A runner made of unshare(1). `programs` is a directory with the simulated processes' programs. The host's PID namespace is
 * handed to libmpu.so as an open descriptor, since bind mounts need root.
 */
export function namespaceRunner(client: NvidiaClient, programs: string): Runner {
  const path = [join(client.smi, '..'), programs, process.env.PATH ?? '/usr/bin:/bin'].join(':');
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const unshare = ['unshare', ...user, '--pid', '--fork', '--mount-proc', '--kill-child'];
  const environment = [`PATH=${path}`, `LD_LIBRARY_PATH=${client.libraries}`];
  return {
    around: [],
    prepare: 'exec 9</proc/self/ns/pid',
    before: [...unshare, 'env', ...environment],
    after: [...unshare, 'env', ...environment, `LD_PRELOAD=${nativeLibrary()}`, 'MPU_PIDNS=/proc/self/fd/9'],
  };
}
