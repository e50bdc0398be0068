// SPDX-License-Identifier: GPL-2.0-only
/** This machine with a /run, a /var/lib and an /etc that are not its own, so that nothing written there stays. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
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

/** Puts the BPF iterator there; the PID namespace where this kernel has none, or where the tests run in a container. */
export const ENABLE_ITERATOR = `mpu pidns enable --translator bpf >&2 || { ${MOUNT_PIDNS}; }`;

/** A mount namespace with such directories. Needs root. */
export class PrivateHost {
  private constructor(
    /** Arguments of nsenter(1). */
    private readonly target: readonly string[],
    private readonly env: NodeJS.ProcessEnv,
    /** Gives it up. */
    readonly stop: () => Promise<void>,
  ) {}

  /** `env` is what commands run with. */
  static async start(env: NodeJS.ProcessEnv = process.env): Promise<PrivateHost> {
    const script = `set -e; ${PRIVATE_DIRECTORIES}; echo ready; exec cat`;
    const arguments_ = ['--mount', '--propagation', 'private', 'sh', '-c', script];
    const holder = spawn('unshare', arguments_, { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(holder, 'exit');
    const ready = await Promise.race([once(holder.stdout, 'data').then(() => true), ended.then(() => false)]);
    if (!ready || holder.pid === undefined) throw new Error('no private /run, /var/lib and /etc');
    const stop = async (): Promise<void> => {
      holder.stdin.end();
      await ended;
    };
    const path = `/run/mpu-bin:${env.PATH ?? ''}`;
    return new PrivateHost([`--target=${holder.pid}`, '--mount'], { ...env, PATH: path }, stop);
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
