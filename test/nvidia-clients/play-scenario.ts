// SPDX-License-Identifier: GPL-2.0-only
/**
 * Plays a scenario where there is a simulated driver, rm-sim's or nvidia.ko: starts the GPU processes in their
 * namespaces and runs the clients in container A.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ClientCommand, ClientResult, Scenario, ScenarioOutcome } from './scenario.js';
import { ENGINES, type ProcessSpec, type WorldProcess } from './world.js';

const CLIENT_LIMIT_MS = 30_000;
/** Numbers in a container stay below this, or where the host's are so low themselves, above twice this. */
const LOW_NUMBERS = 5000;
/** The descriptor under which clients inherit the host's PID namespace. */
const PIDNS_FD = 9;

const unprivileged = process.geteuid?.() !== 0;
const unshare = ['unshare', '--pid', '--net', '--fork', '--mount-proc', '--kill-child'];
const children = new Set<ChildProcess>();

/** A PID namespace with a process that keeps it. */
interface Container {
  /** Host PID of its init. */
  init: number;
}

const enter = (container: Container): string[] => [
  'nsenter',
  ...['--target', String(container.init)],
  ...(unprivileged ? ['--user', '--preserve-credentials'] : []),
  ...['--pid', '--net', '--mount', '--'],
];

function start(argv: string[]): ChildProcess & { stdin: NodeJS.WritableStream; stdout: NodeJS.ReadableStream } {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  children.add(child);
  child.on('exit', () => children.delete(child));
  child.stdin.on('error', () => undefined);
  return child;
}

async function firstLine(child: ChildProcess & { stdout: NodeJS.ReadableStream }, what: string): Promise<string> {
  const lines = createInterface({ input: child.stdout });
  const line = await Promise.race([
    once(lines, 'line').then(([text]) => String(text)),
    once(child, 'exit').then(() => undefined),
  ]);
  if (line === undefined) throw new Error(`${what} ended before it was ready`);
  return line;
}

const readProc = (path: string): string => {
  try {
    return readFileSync(join('/proc', path), 'utf8');
  } catch {
    return ''; // it has ended meanwhile
  }
};

const processes = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

const statusField = (path: string, field: string): string[] =>
  new RegExp(`^${field}:\\s*(.*)$`, 'm')
    .exec(readProc(join(path, 'status')))?.[1]
    ?.trim()
    .split(/\s+/) ?? [];

async function startContainer(): Promise<Container> {
  const user = unprivileged ? ['--user', '--map-root-user'] : [];
  const [program = '', ...options] = unshare;
  // Ends, with everything in it, when this process does and so closes the pipe.
  const holder = start([program, ...user, ...options, 'sh', '-c', 'echo started; exec cat']);
  await firstLine(holder, 'a PID namespace');
  const init = processes().find((pid) => statusField(String(pid), 'PPid')[0] === String(holder.pid));
  if (init === undefined) throw new Error('the init of a new PID namespace cannot be found');
  const container = { init };
  if (process.pid < LOW_NUMBERS) {
    const [nsenter = '', ...args] = enter(container);
    execFileSync(nsenter, [...args, 'sh', '-c', `echo ${2 * LOW_NUMBERS} >/proc/sys/kernel/ns_last_pid`]);
  }
  return container;
}

function gpuProcessArguments(spec: ProcessSpec): string[] {
  const args = ['--gpu', String(spec.gpu), '--class', spec.kind, '--memory', String(spec.memory)];
  if (spec.utilization !== undefined) {
    const { utilization } = spec;
    args.push('--util', ENGINES.map((engine) => utilization[engine] ?? 0).join(','));
  }
  if (spec.clients !== undefined) args.push('--clients', String(spec.clients));
  if (spec.thread === true) args.push('--thread');
  if (spec.encoderSessions !== undefined) args.push('--encoder', String(spec.encoderSessions));
  if (spec.captureSessions !== undefined) args.push('--fbc', String(spec.captureSessions));
  return args;
}

/**
 * Makes the command's process, a child of the shell, the next one its PID namespace numbers, and
 * afterwards goes on where the numbers were, lest others collide by accident.
 */
const numbered = (pid: number, argv: string[]): string[] => [
  'sh',
  '-c',
  'n=/proc/sys/kernel/ns_last_pid; exec 3<&0; echo "$0" >$n || exit; "$@" <&3 3<&- & echo $$ >$n; exec 3<&-; wait $!',
  String(pid - 1),
  ...argv,
];

class World {
  readonly running: WorldProcess[] = [];
  private readonly directory = mkdtempSync(join(tmpdir(), 'mpu-'));

  constructor(
    private readonly gpuProcess: string,
    readonly container: Container,
    private readonly sibling: Container,
  ) {}

  private command(spec: ProcessSpec, program: string): string[] {
    let argv = [program, ...gpuProcessArguments(spec)];
    if (spec.numberOf !== undefined) {
      const other = this.running.find((process) => process.name === spec.numberOf);
      if (other === undefined)
        throw new Error(`${spec.name} is to be numbered like ${spec.numberOf}, which is not there`);
      argv = numbered(other.host, argv);
    }
    switch (spec.place) {
      case 'outside':
        return argv;
      case 'inside':
        return [...enter(this.container), ...argv];
      case 'nested':
        return [...enter(this.container), ...unshare, ...argv];
      case 'sibling':
        return [...enter(this.sibling), ...argv];
    }
  }

  /** Starts a process and learns its numbers; they are unknown to itself. */
  async add(spec: ProcessSpec): Promise<void> {
    const program = join(this.directory, spec.name);
    symlinkSync(this.gpuProcess, program);
    const child = start(this.command(spec, program));
    await firstLine(child, spec.name);
    const host = processes().find((pid) => readProc(join(String(pid), 'cmdline')).split('\0')[0] === program);
    if (host === undefined) throw new Error(`${spec.name} cannot be found in /proc`);
    const threads = readdirSync(join('/proc', String(host), 'task')).map(Number);
    const hostThread = (spec.thread === true ? threads.find((thread) => thread !== host) : host) ?? host;
    if (spec.thread === true && hostThread === host) throw new Error(`${spec.name} has no second thread`);
    const contained = (path: string): number | undefined =>
      spec.place === 'inside' || spec.place === 'nested' ? Number(statusField(path, 'NSpid')[1]) : undefined;
    const process: WorldProcess = {
      ...spec,
      host,
      contained: contained(String(host)),
      hostThread,
      containedThread: contained(join(String(host), 'task', String(hostThread))),
    };
    this.running.push(process);
    const wanted = this.running.find((other) => other.name === spec.numberOf)?.host;
    if (wanted !== undefined && process.contained !== wanted) {
      throw new Error(`${spec.name} has number ${process.contained ?? 'none'}, not ${wanted}`);
    }
    if (spec.ended === true) {
      child.stdin.end();
      await once(child, 'exit');
    }
  }

  /** Ends all processes. */
  async close(): Promise<void> {
    const ends = [...children].map((child) => once(child, 'exit'));
    for (const child of children) child.stdin?.end();
    await Promise.all(ends);
    rmSync(this.directory, { recursive: true });
  }
}

async function runClient(world: World, command: ClientCommand, pidns: number | undefined): Promise<ClientResult> {
  const numbers = new Set(world.running.flatMap((process) => [process.host, process.contained ?? []].flat()));
  const argv = command.argv.flatMap((argument) => (argument === '@pids' ? [...numbers].map(String) : argument));
  const variables = {
    ...command.env,
    ...(pidns === undefined ? {} : { MPU_PIDNS: `/proc/self/fd/${PIDNS_FD}` }),
    ...(command.preload === undefined ? {} : { LD_PRELOAD: command.preload }),
  };
  const [program = '', ...args] = [
    ...enter(world.container),
    'env',
    ...Object.entries(variables).map(([name, value]) => `${name}=${value}`),
    ...argv,
  ];
  const unused = Array<'ignore'>(PIDNS_FD - 3).fill('ignore');
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe', ...unused, pidns ?? 'ignore'] });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const limit = setTimeout(() => {
    stderr += `\n(killed after ${CLIENT_LIMIT_MS / 1000} s)`;
    child.kill('SIGKILL');
  }, CLIENT_LIMIT_MS);
  const [status] = (await once(child, 'close')) as [number | null];
  clearTimeout(limit);
  return { label: command.label, preloaded: command.preload !== undefined, status: status ?? -1, stdout, stderr };
}

/**
 * Runs a scenario to its end.
 *
 * @param setLayouts - makes the driver have another release's structures
 * @throws Error when its world cannot be set up
 */
export async function playScenario(
  scenario: Scenario,
  setLayouts?: (release: string) => void,
): Promise<ScenarioOutcome> {
  const pidns = scenario.nsfs ? openSync('/proc/self/ns/pid', 'r') : undefined;
  const world = new World(scenario.gpuProcess, await startContainer(), await startContainer());
  try {
    for (const spec of scenario.world) await world.add(spec);
    const results: ClientResult[] = [];
    for (const command of scenario.commands) {
      if (command.layouts !== undefined) setLayouts?.(command.layouts);
      results.push(await runClient(world, command, pidns));
    }
    return { processes: world.running, results };
  } finally {
    await world.close();
    if (pidns !== undefined) closeSync(pidns);
  }
}
