// SPDX-License-Identifier: GPL-2.0-only
/** A docker that knows CDI (25 and later): the system's, or else that of a newer Debian, in a directory of its own. */
import { access, copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { publish, withLock, withScratch } from '#mpu/lib/system/download-cache.js';
import { unpackFromDebian } from './debian-packages.js';
import { checkout, run } from './mpu.js';

const CACHE = join(checkout, '.cache', 'docker');
const SUITES = [['trixie'], ['forky'], ['sid']];

/** What is taken of each package. Its runc needs trixie's libc, and any runc will do. */
const PROGRAMS: Record<string, readonly string[]> = {
  'docker.io': ['usr/sbin/dockerd'],
  'docker-cli': ['usr/bin/docker'],
  containerd: ['usr/bin/containerd', 'usr/bin/containerd-shim-runc-v2'],
};

async function knowsCdi(program: string): Promise<boolean> {
  const ended = await run(program, ['--version']).catch(() => undefined);
  return Number(/version (\d+)\./.exec(ended?.stdout ?? '')?.[1] ?? 0) >= 25;
}

async function fetch(place: string): Promise<void> {
  await withScratch(CACHE, async (scratch) => {
    const unpacked = join(scratch, 'root');
    await unpackFromDebian(SUITES, Object.keys(PROGRAMS), unpacked, join(scratch, 'apt'));
    const finished = join(scratch, 'bin');
    await mkdir(finished);
    for (const programs of Object.values(PROGRAMS)) {
      for (const program of programs)
        await copyFile(join(unpacked, program), join(finished, program.replace(/.*\//, '')));
    }
    await publish(finished, place);
  });
}

/**
 * The directory of programs to put before PATH for a docker with CDI; empty where the system's own will
 * do. A string that begins with "NOT TESTED" where there is none: the reason.
 */
export async function dockerWithCdi(): Promise<string> {
  if ((await knowsCdi('docker')) && (await knowsCdi('dockerd'))) return '';
  const place = join(CACHE, 'with-cdi');
  try {
    await withLock(join(CACHE, 'lock'), async () => {
      await access(place).catch(() => fetch(place));
    });
  } catch (error) {
    return `NOT TESTED: no docker with CDI: ${String(error)}`;
  }
  return (await knowsCdi(join(place, 'dockerd')))
    ? place
    : "NOT TESTED: Debian's newer docker does not run on this system";
}

/** A shell where /etc is not this machine's. */
interface Shell {
  check(script: string): Promise<string>;
}

/** Starts a daemon with a configuration, and its files in `directory`, listening at DOCKER_HOST; gives what stops it. */
export async function startDockerOn(host: Shell, directory: string, config: string): Promise<() => Promise<void>> {
  await host.check(`
mkdir -p /etc/docker; echo '${config}' >/etc/docker/daemon.json
unshare --net dockerd --bridge=none --iptables=false --ip6tables=false \\
  --data-root ${directory}/data --exec-root ${directory}/exec --pidfile ${directory}/pid -H "$DOCKER_HOST" >${directory}/log 2>&1 </dev/null &
daemon=$!
until docker version >/dev/null 2>&1; do kill -0 $daemon || { tail -5 ${directory}/log >&2; exit 1; }; sleep 0.1; done`);
  return async () => {
    // Where nobody reaps it, a zombie is as good as gone.
    await host.check(
      `pid=$(cat ${directory}/pid); kill $pid; while grep -qs "^State:.[^Z]" /proc/$pid/status; do sleep 0.1; done`,
    );
  };
}
