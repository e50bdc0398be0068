// SPDX-License-Identifier: GPL-2.0-only
/** A PID namespace under the simulated driver, with GPU processes inside and outside, to run the program "rewriting" in. */
import { type GpuProcess, type Namespace, Session } from '../rm-sim/session.js';
import { built, library } from './library.js';

/** One answer to GET_PIDS. */
export interface List {
  status: number;
  /** The PID of the program itself, which is in the list too. */
  self: number;
  pids: number[];
}

/** The descriptor under which the programs find the host's PID namespace. */
export const PIDNS = '/proc/self/fd/7';

export class Container {
  readonly session: Session;
  readonly namespace: Namespace;
  readonly #inside: GpuProcess[];

  /** PID on the host of the process outside. */
  readonly outside: number;

  private constructor(session: Session, namespace: Namespace, outside: GpuProcess, inside: GpuProcess[]) {
    this.session = session;
    this.namespace = namespace;
    this.outside = outside.process[0] ?? 0;
    this.#inside = inside;
  }

  /**
   * Starts a driver, one process outside and two inside. By default the driver gives host PIDs.
   *
   * @param options - more options of rm-sim
   */
  static async start(regime = 'R0', options: string[] = []): Promise<Container> {
    const session = await Session.start(['--regime', regime, '--accounting', 'on', ...options]);
    await session.run('exec 7</proc/self/ns/pid');
    const namespace = await session.namespace();
    const outside = await session.gpuProcess('--memory 100');
    const inside = [
      await session.gpuProcess('--memory 200', namespace),
      await session.gpuProcess('--memory 300', namespace),
    ];
    return new Container(session, namespace, outside, inside);
  }

  /** What a list must be with libmpu.so: the processes inside, by their PIDs there, and the program itself. */
  right(list: List): number[] {
    return [...this.#inside.map((process) => process.process.at(-1) ?? 0), list.self];
  }

  /** Runs shell words in the container with additional environment variables; a JSON document a line, and what else is said. */
  async run(
    words: string,
    environment: Record<string, string> = {},
  ): Promise<{ documents: unknown[]; rest: string; code: number }> {
    const variables = Object.entries(environment).map(([name, value]) => `${name}='${value}'`);
    const { output, code } = await this.session.run(
      `${this.session.enter(this.namespace)} env ${variables.join(' ')} ${words}`,
    );
    const lines = output.split('\n').filter((line) => line !== '');
    return {
      documents: lines.filter((line) => line.startsWith('{')).map((line): unknown => JSON.parse(line)),
      rest: lines.filter((line) => !line.startsWith('{')).join('\n'),
      code,
    };
  }

  /** Runs "rewriting" with libmpu.so, which finds the host's PID namespace unless told otherwise. */
  async rewriting(
    args: string,
    environment: Record<string, string> = {},
  ): Promise<{ documents: unknown[]; rest: string; code: number }> {
    return this.run(`${built('rewriting')} ${args}`, {
      LD_PRELOAD: library('x86_64'),
      MPU_PIDNS: PIDNS,
      ...environment,
    });
  }

  async stop(): Promise<void> {
    await this.session.stop();
  }
}
