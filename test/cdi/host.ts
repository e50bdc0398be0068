// SPDX-License-Identifier: GPL-2.0-only
/** This machine with a /run, a /var/lib and an /etc that are not its own, so that nothing written there stays. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkout, run, type Ended } from '../support/mpu.js';

/** Makes the directories in the mount namespace of the shell that runs it. */
export const PRIVATE_DIRECTORIES = `
mount -t tmpfs none /run
mount -t tmpfs none /var/lib
mkdir /run/etc /run/work
mount -t overlay -o lowerdir=/etc,upperdir=/run/etc,workdir=/run/work none /etc
mkdir -p /run/mpu-bin
printf '#!/bin/sh\\nexec %s %s "$@"\\n' ${process.execPath} ${join(checkout, 'dist/cli.js')} >/run/mpu-bin/mpu
chmod +x /run/mpu-bin/mpu
PATH=/run/mpu-bin:$PATH`;

/** Puts the PID namespace of the tests where containers are given it from. */
export const MOUNT_PIDNS = 'mkdir -p /run/mpu; touch /run/mpu/pidns; mount --bind /proc/self/ns/pid /run/mpu/pidns';

/** A mount namespace with such directories. Needs root. */
export class PrivateHost {
  private constructor(
    /** Arguments of nsenter(1). */
    private readonly target: readonly string[],
    private readonly env: NodeJS.ProcessEnv,
    /** Gives it up. */
    readonly stop: () => Promise<void>,
  ) {}

  /** `env` is what commands run with. With `pids` it has PIDs of its own, too: its process 1 may be looked at. */
  static async start(env: NodeJS.ProcessEnv = process.env, pids = false): Promise<PrivateHost> {
    const script = `set -e; ${PRIVATE_DIRECTORIES}; echo ready; exec cat`;
    const namespaces = [
      '--mount',
      '--propagation',
      'private',
      ...(pids ? ['--pid', '--fork', '--mount-proc', '--kill-child'] : []),
    ];
    const holder = spawn('unshare', [...namespaces, 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(holder, 'exit');
    const ready = await Promise.race([once(holder.stdout, 'data').then(() => true), ended.then(() => false)]);
    if (!ready || holder.pid === undefined) throw new Error('no private /run, /var/lib and /etc');
    const stop = async (): Promise<void> => {
      holder.stdin.end();
      await ended;
    };
    const path = `/run/mpu-bin:${env.PATH ?? ''}`;
    const shell = pids
      ? (await readFile(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8')).trim()
      : String(holder.pid);
    const target = [`--target=${shell}`, '--mount', ...(pids ? ['--pid'] : [])];
    return new PrivateHost(target, { ...env, PATH: path }, stop);
  }

  /** Runs a shell script in it, where `mpu` is the one of this checkout. */
  async run(script: string): Promise<Ended> {
    return run('nsenter', [...this.target, 'bash', '-euc', script], { env: this.env });
  }

  /** As {@link run}; rejects with what was said unless it exits 0; gives stdout. */
  async check(script: string): Promise<string> {
    const { status, stdout, stderr } = await this.run(script);
    if (status !== 0) throw new Error(`${script} ended with ${String(status)}: ${stderr}`);
    return stdout;
  }
}
