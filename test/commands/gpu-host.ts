// SPDX-License-Identifier: GPL-2.0-only
/**
 * A host with two simulated GPUs, for the commands that look at containers:
 *
 *     the host        tenant      GPU 0, 100 MiB
 *      ├─ podman web  train       GPU 0, 300 MiB     an injected image, with the namespace file
 *      │              serve       GPU 1, 50 MiB      its GPU was opened by a thread
 *      ├─ podman bare train       GPU 1, 70 MiB      the image as it was
 *      └─ unshare     nameless    GPU 1, 77 MiB      a PID namespace of no runtime
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { containersRunner } from '#mpu/lib/demo/in-containers.js';
import { shellQuote } from '#mpu/lib/demo/comparison.js';
import { fetchNvidiaClients, type NvidiaClient } from '#mpu/lib/nvidia-clients/nvidia-clients.js';
import { packageRoot } from '#mpu/lib/package/root.js';
import { startPodman, type TestEngine } from '../support/engines.js';
import { check, checkout, mpu, type Ended } from '../support/mpu.js';
import { eventually, program, Session } from '../rm-sim/session.js';

export const CLI = join(checkout, 'dist', 'cli.js');

/** The images: as Debian makes it, and injected. */
export const IMAGE = 'localhost/team/train:7';
export const INJECTED = `${IMAGE}-mpu`;

/** Why the tests with containers cannot run here. */
export const noContainers = process.getuid?.() === 0 ? false : 'NOT TESTED: needs root, for mounts and containers';

/** A process by the number that the host has for it, and the one its container has. */
export interface Numbers {
  host: number;
  inside: number;
}

/** podman with both images, and the file of this machine's PID namespace. */
export class Machine {
  private constructor(
    readonly podman: TestEngine,
    readonly client: NvidiaClient,
    /** The file that stands for /run/mpu/pidns of the host. */
    readonly pidns: string,
    /** A file that is called as the control device, for containers to be given. */
    readonly device: string,
  ) {}

  static async start(): Promise<Machine> {
    const cache = join(packageRoot, '.cache');
    const [client] = await fetchNvidiaClients(cache, ['550.163']);
    if (client === undefined) throw new Error('no client');
    const demo = join(cache, 'demo');
    // Makes the archive of the base image.
    await containersRunner(demo, client, () => undefined);
    const podman = await startPodman();
    const pidns = join(podman.directory, 'pidns');
    const device = join(podman.directory, 'nvidiactl');
    writeFileSync(pidns, '');
    writeFileSync(device, '');
    await check('mount', ['--bind', '/proc/self/ns/pid', pidns]);
    await podman.check('import', '--quiet', join(demo, `base-${client.version}.tar`), IMAGE);
    const injected = await mpu(['inject', IMAGE, '--engine', 'podman'], { env: podman.env });
    if (injected.status !== 0) throw new Error(injected.stderr);
    return new Machine(podman, client, pidns, device);
  }

  /** Options of a container that can be given to nvidia-smi. */
  get options(): string[] {
    return ['--network=none', `--volume=${this.device}:/dev/nvidiactl`];
  }

  /** The option that gives a container the namespace file, where this machine is a container itself with the variable. */
  get pidnsOptions(): string[] {
    const nested = readlinkSync('/proc/self/ns/pid') === 'pid:[4026531836]' ? [] : ['--env=MPU_PIDNS=/run/mpu/pidns'];
    return [`--volume=${this.pidns}:/run/mpu/pidns:ro`, ...nested];
  }

  async stop(): Promise<void> {
    await check('umount', ['--lazy', this.pidns]);
    await this.podman.stop();
  }
}

/** Names of containers, which are those of a whole machine: other tests may run on it. */
export const WEB = `web-${process.pid}`;
export const BARE = `bare-${process.pid}`;

/** A simulated driver on a machine, with a shell of the host. */
export class World {
  readonly #containers: string[] = [];
  #runs = 0;

  private constructor(
    readonly machine: Machine,
    readonly session: Session,
  ) {}

  static async start(machine: Machine, regime: string, client: NvidiaClient = machine.client): Promise<World> {
    const session = await Session.start(['--regime', regime, '--layouts', client.version, '--gpus', '2']);
    const { podman } = machine;
    const variables: Record<string, string> = {
      CONTAINERS_CONF: podman.env.CONTAINERS_CONF ?? '',
      CONTAINERS_STORAGE_CONF: podman.env.CONTAINERS_STORAGE_CONF ?? '',
      // No daemon, whatever this machine has.
      DOCKER_HOST: `unix://${session.directory}/no-docker`,
      LD_LIBRARY_PATH: client.libraries,
      MPU_PIDNS: machine.pidns,
      PATH: `${session.directory}/bin:${join(client.smi, '..')}:${process.env.PATH ?? ''}`,
    };
    mkdirSync(join(session.directory, 'bin'));
    for (const [name, value] of Object.entries(variables)) await session.run(`export ${name}=${shellQuote(value)}`);
    return new World(machine, session);
  }

  /** Runs a script in the shell of the host. */
  async shell(script: string): Promise<Ended> {
    const [out, err] = ['out', 'err'].map((name) => join(this.session.directory, `${name}-${this.#runs}`)) as [
      string,
      string,
    ];
    this.#runs++;
    const { code } = await this.session.run(`( ${script}\n) >${out} 2>${err} </dev/null`);
    return { status: code, stdout: readFileSync(out, 'utf8'), stderr: readFileSync(err, 'utf8') };
  }

  /** Runs mpu on the host, or with what is put before it elsewhere. */
  async mpu(args: readonly string[], before = ''): Promise<Ended> {
    return this.shell(`${before} ${[process.execPath, CLI, ...args].map(shellQuote).join(' ')}`);
  }

  /** A program under its own name on the host. */
  #named(name: string): string {
    const path = join(this.session.directory, 'bin', name);
    copyFileSync(program('gpu-process'), path);
    return path;
  }

  /** Runs a container with a shell script, and names it. */
  async container(name: string, image: string, options: readonly string[], script: string): Promise<void> {
    this.#containers.push(name);
    const argv = ['podman', 'run', '--detach', '--rm', `--name=${name}`, ...options, image, 'sh', '-c', script];
    const { status, stderr } = await this.shell(argv.map(shellQuote).join(' '));
    if (status !== 0) throw new Error(`podman run ${name}: ${stderr}`);
  }

  /** Host PID of the first process of a container. */
  async init(name: string): Promise<number> {
    const { stdout } = await this.shell(`podman inspect --format '{{.State.Pid}}' ${name}`);
    return Number(stdout);
  }

  /** See {@link numbersOf}. */
  async numbers(init: number, name: string): Promise<Numbers> {
    return numbersOf(init, name);
  }

  /** Starts the processes of the table above and waits until they use their GPU. */
  async populate(): Promise<Record<'tenant' | 'train' | 'serve' | 'bare' | 'nameless', Numbers>> {
    const { machine } = this;
    // In a pipe, since a GPU process ends with its standard input.
    const script = (line: string): string => `sleep infinity | ${line} >/proc/1/fd/1 &`;
    await this.container(
      WEB,
      INJECTED,
      [...machine.options, ...machine.pidnsOptions],
      `${script('train --memory 300 --util 30,5 --clients 2')}
${script('serve --gpu 1 --memory 50 --thread --util 3,3')} wait`,
    );
    await this.container(BARE, IMAGE, machine.options, `${script('train --gpu 1 --memory 70')} wait`);
    const tenant = this.#named('tenant');
    const nameless = this.#named('nameless');
    await this.session.run(`${tenant} --memory 100 --util 20,5 <${this.session.input} >tenant 2>&1 9<&- &`);
    await this.session.run(
      `unshare --pid --fork --mount-proc --kill-child ${nameless} --gpu 1 --memory 77 <${this.session.input} >nameless 2>&1 9<&- &`,
    );
    const [web, bare] = [await this.init(WEB), await this.init(BARE)];
    const [host, alone] = [await running(tenant), await running(nameless)];
    for (const [name, lines] of [
      [WEB, 2],
      [BARE, 1],
    ] as const) {
      for (
        let tries = 0;
        tries < 100 && (await this.shell(`podman logs ${name}`)).stdout.split('ready').length <= lines;
        tries++
      )
        await this.session.run('sleep 0.05');
    }
    for (const file of ['tenant', 'nameless'])
      await eventually(file, () =>
        readFileSync(join(this.session.directory, file), 'utf8').includes('ready') ? true : undefined,
      );
    return {
      tenant: host,
      train: await this.numbers(web, 'train'),
      serve: await this.numbers(web, 'serve'),
      bare: await this.numbers(bare, 'train'),
      nameless: alone,
    };
  }

  async stop(): Promise<void> {
    if (this.#containers.length > 0) await this.shell(`podman rm --force --time 0 ${this.#containers.join(' ')}`);
    await this.session.stop();
  }
}

interface Found extends Numbers {
  name: string;
  /** As it was called. */
  path: string;
  namespace: string;
}

/** Every process of this machine by its program's name, read from /proc in a way of the tests' own. */
function allProcesses(): Found[] {
  const found: Found[] = [];
  for (const pid of readdirNumbers()) {
    try {
      const numbers =
        /^NSpid:\s*(.*)$/m
          .exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
          ?.split(/\s+/)
          .map(Number) ?? [];
      const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
      const path = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0] ?? '';
      found.push({
        name,
        path,
        host: pid,
        inside: numbers.at(-1) ?? 0,
        namespace: readlinkSync(`/proc/${pid}/ns/pid`),
      });
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

/** The numbers of a program in the PID namespace of a process, by /proc, once it runs there. */
export async function numbersOf(init: number, name: string): Promise<Numbers> {
  const namespace = readlinkSync(`/proc/${init}/ns/pid`);
  return eventually(name, () => processesOf(namespace).find((each) => each.name === name));
}

const running = (path: string): Promise<Found> =>
  eventually(path, () => allProcesses().find((each) => each.path === path));
const processesOf = (namespace: string): Found[] => allProcesses().filter((each) => each.namespace === namespace);

function readdirNumbers(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}
