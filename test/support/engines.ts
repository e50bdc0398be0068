// SPDX-License-Identifier: GPL-2.0-only
/** Container engines with a store of their own, so that tests never touch the user's. */
import { spawn } from 'node:child_process';
import { access, constants, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { check, run } from './mpu.js';

/** An engine that is ready. */
export interface TestEngine {
  name: 'docker' | 'podman' | 'ctr';
  /** Environment in which the engine's own command, and mpu, use this engine's store. */
  env: NodeJS.ProcessEnv;
  /** Empty directory that goes away with the engine. */
  directory: string;
  /** Runs the engine's command; rejects unless it exits 0. */
  check(...args: string[]): Promise<string>;
  /** Stops the engine and removes everything it stored. */
  stop(): Promise<void>;
}

/** Whether a program is in PATH. */
export async function hasProgram(name: string): Promise<boolean> {
  const places = (process.env.PATH ?? '').split(delimiter);
  const found = await Promise.all(
    places.map((place) =>
      access(join(place, name), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}

/**
 * Why a test that needs these programs (and root, where `root` is true) cannot run here; false when it
 * can. For the `skip` option of a test, which then says so and counts as skipped.
 */
export async function lacking(programs: readonly string[], root = false): Promise<string | false> {
  for (const name of programs) {
    if (!(await hasProgram(name))) return `NOT TESTED: ${name} is not installed`;
  }
  return root && process.getuid?.() !== 0 ? 'NOT TESTED: not root' : false;
}

/** Removes a directory of an engine with everything that is still mounted in it. */
async function removeTree(directory: string): Promise<void> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8');
  const below = mounts
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((place) => place.startsWith(`${directory}/`))
    .sort((a, b) => b.length - a.length);
  for (const place of below) await run('umount', ['--lazy', place]);
  await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

/**
 * podman with its images in a new directory. The settings let it run where it may raise no limits and
 * where no systemd manages cgroups.
 */
export async function startPodman(): Promise<TestEngine> {
  const directory = await mkdtemp(join(tmpdir(), 'mpu-podman-'));
  const settings = join(directory, 'containers.conf');
  const storage = join(directory, 'storage.conf');
  await writeFile(
    settings,
    '[containers]\ndefault_ulimits = ["nofile=20000:20000","nproc=32768:32768"]\n' +
      '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n',
  );
  await writeFile(
    storage,
    `[storage]\ndriver = "overlay"\ngraphroot = "${directory}/storage"\nrunroot = "${directory}/run"\n`,
  );
  const env = { ...process.env, CONTAINERS_CONF: settings, CONTAINERS_STORAGE_CONF: storage };
  return {
    name: 'podman',
    env,
    directory,
    check: (...args) => check('podman', args, { env }),
    stop: () => removeTree(directory),
  };
}

/** A program that runs until it is told to end. */
export interface Daemon {
  hasEnded(): boolean;
  /** Asks it to end and waits until it has. */
  end(): Promise<void>;
}

/** Starts a daemon; what it says goes to a file. */
export type StartDaemon = (argv: readonly string[], log: string) => Promise<Daemon>;

const startChild: StartDaemon = (argv, log) => {
  const child = spawn('sh', ['-c', 'exec "$@" >"$0" 2>&1', log, ...argv], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const end = async (): Promise<void> => {
    child.kill();
    await ended;
  };
  return Promise.resolve({ hasEnded: () => child.exitCode !== null, end });
};

/** Waits for a daemon until a command of its client works, and rejects with what the daemon said when it does not start. */
async function waitFor(daemon: Daemon, log: string, client: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const [program = '', ...args] = client;
  for (let attempt = 0; attempt < 100; attempt++) {
    if ((await run(program, args, { env })).status === 0) return;
    if (daemon.hasEnded()) break;
    await sleep(100);
  }
  throw new Error(`${program}'s daemon does not start: ${(await readFile(log, 'utf8')).slice(-2000)}`);
}

/**
 * A docker daemon with its images in a new directory. It gets a network namespace of its own, because
 * two daemons in one disturb each other; containers need `--network none`. Needs root.
 */
export async function startDocker(start: StartDaemon = startChild): Promise<TestEngine> {
  const directory = await mkdtemp(join(tmpdir(), 'mpu-docker-'));
  const socket = `unix://${directory}/docker.sock`;
  const flags = ['--bridge=none', '--iptables=false', '--ip6tables=false'];
  const places = [
    '--data-root',
    `${directory}/data`,
    '--exec-root',
    `${directory}/exec`,
    '--pidfile',
    `${directory}/pid`,
  ];
  const env = { ...process.env, DOCKER_HOST: socket };
  const argv = ['unshare', '--net', 'dockerd', ...flags, ...places, '-H', socket];
  const stop = await startEngine(start, directory, argv, ['docker', 'version'], env);
  return { name: 'docker', env, directory, check: (...args) => check('docker', args, { env }), stop };
}

/** containerd alone, in a new directory, and its own command `ctr`. Needs root. */
export async function startContainerd(start: StartDaemon = startChild): Promise<TestEngine> {
  const directory = await mkdtemp(join(tmpdir(), 'mpu-containerd-'));
  const [config, socket] = [join(directory, 'config.toml'), join(directory, 'socket')];
  await writeFile(config, 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n');
  const env = { ...process.env, CONTAINERD_ADDRESS: socket };
  const argv = [
    'containerd',
    '--config',
    config,
    '--root',
    join(directory, 'root'),
    '--state',
    join(directory, 'state'),
    '--address',
    socket,
  ];
  const stop = await startEngine(start, directory, argv, ['ctr', 'version'], env);
  return { name: 'ctr', env, directory, check: (...args) => check('ctr', args, { env }), stop };
}

/** Starts a daemon in its directory and waits until its client gets an answer; gives what ends both. */
async function startEngine(
  start: StartDaemon,
  directory: string,
  argv: readonly string[],
  client: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<() => Promise<void>> {
  const log = join(directory, 'log');
  await writeFile(log, '');
  const daemon = await start(argv, log);
  const stop = async (): Promise<void> => {
    await daemon.end();
    await removeTree(directory);
  };
  await waitFor(daemon, log, client, env).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return stop;
}

/** The environment in which some docker command in PATH builds with (`1`) or without (`0`) BuildKit. */
export async function builderEnvironment(docker: TestEngine, buildKit: string): Promise<NodeJS.ProcessEnv | undefined> {
  const path = docker.env.PATH ?? '';
  for (const directory of path.split(delimiter)) {
    const env = { PATH: `${directory}${delimiter}${path}`, DOCKER_BUILDKIT: buildKit };
    const probe = 'printf "FROM scratch\\nLABEL a=b\\n" | docker build --quiet --tag probe -';
    const { status } = await run('sh', ['-c', probe], { env: { ...docker.env, ...env } });
    if (status !== 0) continue;
    await docker.check('rmi', 'probe');
    return env;
  }
  return undefined;
}
