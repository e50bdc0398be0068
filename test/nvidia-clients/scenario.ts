// SPDX-License-Identifier: GPL-2.0-only
/** What a test and the program that plays its scenarios, under rm-sim or in a guest, tell each other, as JSON. */
import type { ProcessSpec, WorldProcess } from './world.js';

/** A client to run in container A. */
export interface ClientCommand {
  /** How the results refer to it. */
  label: string;
  /** The command; the argument `@pids` becomes every number of every process of the world. */
  argv: string[];
  /** Added to the environment. */
  env: Record<string, string>;
  /** The libmpu.so to preload, if any. */
  preload?: string;
  /** Release whose structures the driver has from this command on; rm-sim's are fixed. */
  layouts?: string;
}

/** One world and the clients to run in it. */
export interface Scenario {
  /** Path of gpu-process. */
  gpuProcess: string;
  /** The clients inherit the host's PID namespace, so that libmpu.so can translate without mpu.ko. */
  nsfs: boolean;
  world: readonly ProcessSpec[];
  commands: ClientCommand[];
}

/** What a client did. */
export interface ClientResult {
  label: string;
  preloaded: boolean;
  /** Exit status; -1 when it was killed, by its time limit or otherwise. */
  status: number;
  stdout: string;
  stderr: string;
}

/** How a scenario went. */
export interface ScenarioOutcome {
  processes: WorldProcess[];
  results: ClientResult[];
}
