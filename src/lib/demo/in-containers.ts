// SPDX-License-Identifier: GPL-2.0-only
/** The demo in containers: a Debian image with the real nvidia-smi in it, and the same image injected. */
import { rename, stat, writeFile } from 'node:fs/promises';
import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from '../system/download-cache.js';
import { inject } from '../inject.js';
import type { NvidiaClient } from '../nvidia-clients/nvidia-clients.js';
import { runProcess } from '../system/run-process.js';
import { shellQuote, SIMULATION, type Runner } from './comparison.js';
import { hostArchitecture } from '../payload/libraries.js';
import { makeDirectory } from '../system/make-directory.js';

/** The image that is injected. */
export const BASE_IMAGE = 'localhost/mpu-demo:latest';
const INJECTED_IMAGE = `${BASE_IMAGE}-mpu`;

/** Runs a program of the demo; rejects with what it said when it fails. */
async function command(file: string, ...args: string[]): Promise<string> {
  const result = await runProcess(file, args);
  if (result.status !== 0)
    throw new Error(`${file} ${args[0] ?? ''}: ${result.stderr.trim().split('\n').slice(-3).join(' ')}`);
  return result.stdout.toString().trim();
}

/** The initial PID namespace (PROC_PID_INIT_INO), the only one that libmpu.so takes for the host's unasked. */
const INITIAL_PIDNS = 'pid:[4026531836]';

/** What podman needs besides, where this machine is a container itself: there its namespace stands for the host's. */
export function nestedHostOptions(): string[] {
  return readlinkSync('/proc/self/ns/pid') === INITIAL_PIDNS ? [] : ['--env=MPU_PIDNS=/run/mpu/pidns'];
}

/** podman's own limits, which a container cannot exceed without CAP_SYS_RESOURCE, are at least these nearly everywhere. */
const MODEST_LIMIT = 16384;

/** What a container may ask for of a limit named as in /proc/self/limits. */
function modestLimit(name: string): number {
  const line = readFileSync('/proc/self/limits', 'utf8')
    .split('\n')
    .find((candidate) => candidate.startsWith(name));
  const hard = Number(line?.slice(name.length).trim().split(/\s+/)[1]);
  return Number.isNaN(hard) ? MODEST_LIMIT : Math.min(hard, MODEST_LIMIT);
}

/**
 * Gives podman a store of its own for the rest of this process, so that the user's images are neither seen nor changed.
 * `directory` must be short: podman puts sockets below it.
 */
export async function usePrivatePodman(directory: string): Promise<void> {
  await makeDirectory(directory);
  const conf = join(directory, 'containers.conf');
  const storage = join(directory, 'storage.conf');
  const [files, processes] = [modestLimit('Max open files'), modestLimit('Max processes')];
  await writeFile(
    conf,
    `[containers]\ndefault_ulimits = ["nofile=${files}:${files}","nproc=${processes}:${processes}"]\n` +
      `[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n`,
  );
  await writeFile(
    storage,
    `[storage]\ndriver = "overlay"\ngraphroot = "${join(directory, 'store')}"\nrunroot = "${join(directory, 'run')}"\n`,
  );
  process.env.CONTAINERS_CONF = conf;
  process.env.CONTAINERS_STORAGE_CONF = storage;
}

/** The code name of this machine's distribution, e.g. `bookworm`. */
function suite(): string {
  const name = /^VERSION_CODENAME=(.+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  if (name === undefined) throw new Error('/etc/os-release names no release to make a base image of');
  return name;
}

/** When a file was last written, in milliseconds since 1970; 0 when there is none. */
async function writtenAt(path: string): Promise<number> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}

/** Makes the base image of a Debian with the client and the programs of the simulation in it, unless it is there. */
async function makeBaseImage(directory: string, client: NvidiaClient): Promise<void> {
  const path = join(directory, `base-${client.version}.tar`);
  if ((await writtenAt(path)) > (await writtenAt(SIMULATION.process))) {
    const present = await runProcess('podman', ['image', 'exists', BASE_IMAGE]);
    if (present.status === 0) return;
  }
  const library = `/usr/lib/${hostArchitecture() ?? 'x86_64'}-linux-gnu/libnvidia-ml.so.1`;
  const aside = `${path}.part.tar`;
  const upload = (from: string, to: string): string => `--customize-hook=upload ${shellQuote(from)} ${to}`;
  const programs = ['/usr/bin/nvidia-smi', ...['train', 'serve'].map((name) => `/usr/local/bin/${name}`)];
  await command(
    'mmdebstrap',
    '--quiet',
    '--variant=essential',
    upload(client.smi, '/usr/bin/nvidia-smi'),
    upload(join(client.libraries, 'libnvidia-ml.so.1'), library),
    ...programs.slice(1).map((program) => upload(SIMULATION.process, program)),
    `--customize-hook=chroot "$1" chmod 755 ${programs.join(' ')}`,
    suite(),
    aside,
  );
  await rename(aside, path);
  await command('podman', 'import', '--quiet', path, BASE_IMAGE);
}

/**
 * A runner made of podman containers. Makes the base image, injects it, and checks that containers run here; rejects with
 * the reason when they do not. Needs root: the host's PID namespace file is bind-mounted.
 *
 * @param directory - keeps the images, e.g. `.cache/demo`
 */
export async function containersRunner(
  directory: string,
  client: NvidiaClient,
  progress: (line: string) => void,
): Promise<Runner> {
  if (process.getuid?.() !== 0) throw new Error('it needs root');
  await usePrivatePodman(directory);
  await withLock(join(directory, 'lock'), async () => {
    progress('making a Debian image with nvidia-smi in it');
    await makeBaseImage(directory, client);
    progress(`mpu inject ${BASE_IMAGE}`);
    await inject(BASE_IMAGE, { engine: 'podman', force: true });
    progress('trying a container');
    await command('podman', 'run', '--rm', '--network=none', BASE_IMAGE, 'true');
  });
  const pidns = join(directory, 'pidns');
  const run = ['podman', 'run', '--rm', '--network=none'];
  return {
    // The bind mount goes with this mount namespace.
    around: ['unshare', '--mount', '--propagation', 'private'],
    prepare: `touch ${shellQuote(pidns)}; mount --bind /proc/self/ns/pid ${shellQuote(pidns)}`,
    before: [...run, BASE_IMAGE],
    after: [...run, ...nestedHostOptions(), `--volume=${pidns}:/run/mpu/pidns:ro`, INJECTED_IMAGE],
  };
}
