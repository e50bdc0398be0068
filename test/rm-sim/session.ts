// SPDX-License-Identifier: GPL-2.0-only
/** A shell under rm-sim, through which tests start GPU processes and probes in any PID namespace. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const directory = dirname(fileURLToPath(import.meta.url));

/** Path of a program built from this directory: rm-sim, gpu-process, probe, probe-i386. */
export function program(name: string): string {
  return join(directory, name);
}

/** Why the tests that make PID namespaces cannot run here, false when they can. */
export const cannotUnshare: string | false =
  process.getuid?.() === 0 && spawnSync('unshare', ['--pid', '--fork', 'true']).status === 0
    ? false
    : 'LOUD SKIP: not tested, making PID namespaces needs root';

/** What the probe prints; which of the fields are there depends on the request. */
export interface Answer {
  status: number;
  count: number;
  sum: number;
  pids: number[];
  unused: number;
  pid: number;
  util: number;
  memory: number;
  running: boolean;
  entries: { pid: number; result: number; memory: number; instances: number[] }[];
  samples: { pid: number; util: number; pointer: boolean }[];
}

/** Numbers of a task in each PID namespace from the tests' own down, and those namespaces. */
export interface Numbers {
  process: number[];
  thread: number[];
  namespaces: string[];
}

/** A process that uses the simulated GPU. */
export interface GpuProcess extends Numbers {
  /** PID in the tests' own namespace. */
  global: number;
  clients: number;
}

/** A PID namespace made for a test, kept alive by its first process. */
export interface Namespace {
  /** PID of its first process in the tests' own namespace. */
  init: number;
  identity: string;
}

function statusNumbers(path: string, field: string): number[] {
  const line = readFileSync(path, 'utf8')
    .split('\n')
    .find((text) => text.startsWith(`${field}:`));
  return (line ?? '').split(/\s+/).slice(1).map(Number);
}

/** The tests' own PID namespace. */
export const hostNamespace = readlinkSync('/proc/self/ns/pid');

/** PID in the tests' own namespace of the process that has a number in another one; undefined when there is none. */
export function globalPid(namespace: string, number: number): number | undefined {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .find((pid) => {
      try {
        return (
          readlinkSync(`/proc/${pid}/ns/pid`) === namespace &&
          statusNumbers(`/proc/${pid}/status`, 'NSpid').at(-1) === number
        );
      } catch {
        return false;
      }
    });
}

/** Calls until it gives something, 5 seconds at most. */
export async function eventually<T>(what: string, attempt: () => T | undefined): Promise<T> {
  for (let tries = 0; tries < 500; tries++) {
    const result = attempt();
    if (result !== undefined) {
      return result;
    }
    await sleep(10);
  }
  throw new Error(`${what}: not within 5 seconds`);
}

/** Content of a file that ends in a newline; undefined until it does. */
export function completeFile(path: string): string | undefined {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  return text.endsWith('\n') ? text.trimEnd() : undefined;
}

/** A number that a task has in a namespace, 0 where it cannot be seen from (what pid_vnr() answers). */
export function numberIn(numbers: Numbers, namespace: string, kind: 'process' | 'thread'): number {
  const level = numbers.namespaces.indexOf(namespace);
  return level < 0 ? 0 : (numbers[kind][level] ?? 0);
}

export class Session {
  readonly directory: string;
  readonly #shell: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<number>;
  #output = '';
  #files = 0;
  readonly #inits: number[] = [];

  private constructor(
    readonly options: readonly string[],
    wrapper: string[],
  ) {
    this.directory = mkdtempSync(join(tmpdir(), 'rm-sim-test-'));
    const command = [...wrapper, program('rm-sim'), ...options, '--', 'sh'];
    this.#shell = spawn(command[0] ?? '', command.slice(1), { cwd: this.directory });
    this.#shell.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
    });
    this.#shell.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
    });
    this.#ended = new Promise((resolve) => {
      this.#shell.on('close', (code) => {
        resolve(code ?? -1);
      });
    });
  }

  /** Starts a shell under rm-sim with the given options; a wrapper is put before rm-sim itself. */
  static async start(options: string[], wrapper: string[] = []): Promise<Session> {
    const session = new Session(options, wrapper);
    await session.run('mkfifo stdin; exec 9<>stdin');
    return session;
  }

  /** PID of rm-sim. */
  get supervisor(): number {
    return this.#shell.pid ?? 0;
  }

  /** Runs a shell command, 30 seconds at most; its output and exit code. */
  async run(command: string): Promise<{ output: string; code: number }> {
    const end = /\n@@(\d+)@@\n/;
    this.#output = '';
    this.#shell.stdin.write(`${command}\nprintf '\\n@@%d@@\\n' $?\n`);
    for (let waited = 0; waited < 30_000; waited += 2) {
      const match = end.exec(this.#output);
      if (match) {
        return { output: this.#output.slice(0, match.index), code: Number(match[1]) };
      }
      if (this.#shell.exitCode !== null) {
        break;
      }
      await sleep(2);
    }
    throw new Error(`no end of: ${command}\n${this.#output}`);
  }

  /** A FIFO for the standard input of GPU processes: it ends when the session does. */
  get input(): string {
    return join(this.directory, 'stdin');
  }

  /** Ends the namespaces, the inner ones first, the shell and with it rm-sim; rm-sim's exit code. */
  async stop(code = 0): Promise<number> {
    for (const init of this.#inits.reverse()) {
      process.kill(init, 'SIGKILL');
    }
    this.#shell.stdin.end(`exit ${code}\n`);
    const result = await this.#ended;
    rmSync(this.directory, { recursive: true, force: true });
    return result;
  }

  /** One request of the probe, made in a namespace (none: the tests' own). */
  async probe(request: string, namespace?: Namespace, name = 'probe'): Promise<Answer> {
    const { output } = await this.run(`${this.enter(namespace)} ${program(name)} ${request}`);
    return JSON.parse(output) as Answer;
  }

  /** The same, along with the PID that the probe has in the tests' own namespace. */
  async identifiedProbe(request: string, namespace?: Namespace): Promise<{ answer: Answer; global: number }> {
    const path = join(this.directory, `probe${this.#files++}`);
    const script = `echo $$ >${path}.pid; read go <${path}.go; exec ${program('probe')} ${request}`;
    await this.run(`mkfifo ${path}.go`);
    await this.run(`${this.enter(namespace)} sh -c '${script}' >${path} 2>&1 9<&- &`);
    const number = Number(await eventually('the probe', () => completeFile(`${path}.pid`)));
    const global = globalPid(namespace?.identity ?? hostNamespace, number) ?? 0;
    await this.run(`echo >${path}.go`);
    return { answer: JSON.parse(await eventually(request, () => completeFile(path))) as Answer, global };
  }

  /** Shell words that run a command in a namespace (none: the tests' own). */
  enter(namespace: Namespace | undefined): string {
    return namespace ? `nsenter -t ${namespace.init} -p -m --` : '';
  }

  /** Makes a PID namespace below another one (none: the tests' own). */
  async namespace(parent?: Namespace): Promise<Namespace> {
    const file = join(this.directory, `namespace${this.#files++}`);
    const inner = `readlink /proc/self/ns/pid >${file}; exec sleep 1000`;
    await this.run(
      `${this.enter(parent)} unshare --pid --fork --mount-proc --kill-child sh -c '${inner}' >/dev/null 2>&1 9<&- &`,
    );
    const identity = await eventually('a PID namespace', () => completeFile(file));
    const init = globalPid(identity, 1);
    if (init === undefined) {
      throw new Error('the first process of the PID namespace is gone');
    }
    this.#inits.push(init);
    return { init, identity };
  }

  /** Starts a GPU process in a namespace and waits until its clients exist; setup is shell code run before it. */
  async gpuProcess(args: string, namespace?: Namespace, setup = ':'): Promise<GpuProcess> {
    const file = join(this.directory, `out${this.#files++}`);
    const start = `exec 8<&0; ${setup}; ${program('gpu-process')} ${args} <&8 & wait`;
    await this.run(`${this.enter(namespace)} sh -c '${start}' <${this.input} >${file} 2>&1 9<&- &`);
    return this.ready(file, Number(/--clients (\d+)/.exec(args)?.[1] ?? 1), namespace);
  }

  /** Waits for the output of a GPU process to say that its clients exist. */
  async ready(file: string, clients: number, namespace?: Namespace): Promise<GpuProcess> {
    const text = await eventually('gpu-process', () => completeFile(file));
    const match = /^ready (\d+)$/.exec(text);
    const global = match ? globalPid(namespace?.identity ?? hostNamespace, Number(match[1])) : undefined;
    if (global === undefined) {
      throw new Error(`gpu-process: ${text}`);
    }
    return this.#describe(global, namespace, clients);
  }

  #describe(global: number, namespace: Namespace | undefined, clients: number): GpuProcess {
    const tasks = readdirSync(`/proc/${global}/task`).map(Number);
    const allocator = tasks.find((tid) => tid !== global) ?? global;
    const thread = statusNumbers(`/proc/${global}/task/${allocator}/status`, 'NSpid');
    const namespaces = [hostNamespace];
    if (namespace) {
      namespaces.push(...this.#above(namespace));
    }
    return {
      global,
      clients,
      thread,
      process: statusNumbers(`/proc/${global}/status`, 'NSpid'),
      namespaces,
    };
  }

  /** Namespaces from the first below the tests' own down to the given one. */
  #above(namespace: Namespace): string[] {
    const chain: string[] = [];
    for (let pid = namespace.init; ; pid = statusNumbers(`/proc/${pid}/status`, 'PPid')[0] ?? 1) {
      const identity = readlinkSync(`/proc/${pid}/ns/pid`);
      if (identity === hostNamespace) {
        return chain;
      }
      if (chain[0] !== identity) {
        chain.unshift(identity);
      }
    }
  }
}
