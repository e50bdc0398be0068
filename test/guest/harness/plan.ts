// SPDX-License-Identifier: GPL-2.0-only
/** What a test and the init of its guest tell each other, as JSON. */
import type { Scenario, ScenarioOutcome } from '../../nvidia-clients/scenario.js';

/** A scenario under a simulated driver of its own. */
export interface Play {
  /** How the guest refers to it. */
  name: string;
  /** nvidia.ko and its parameters, as insmod takes them. */
  driver: string[];
  scenario: Scenario;
}

/** Everything that a guest does, in order. */
export interface GuestPlan {
  /** Each nvidia.ko to look at, and the probes to do that with. */
  examine?: { drivers: string[]; probes: string[] };
  withoutModule: Play[];
  /** mpu.ko and its parameters; it is loaded, then removed, around the plays in `withModule`. */
  module: string[];
  withModule: Play[];
}

/** What a probe (test/rm-sim/client) was answered. */
export interface ProbeObservation {
  /** Functions that its ioctls entered nvidia.ko by. */
  calledBy: string[];
  pids: unknown;
  codes: unknown;
  files: unknown;
}

/** What was seen of a nvidia.ko. */
export interface DriverObservation {
  path: string;
  /** Wrong options that it nevertheless loaded with. */
  accepted: string[];
  /** It could be removed under an open file. */
  removedWhileOpen: boolean;
  /** /sys/module/nvidia/version */
  version: string;
  /** /proc/driver/nvidia/version */
  versionFile: string;
  /** Names of its major number in /proc/devices. */
  devices: string[];
  /** Functions for ioctls that ftrace can redirect. */
  entries: string[];
  /** In the order of the plan's. */
  probes: ProbeObservation[];
  /** Who is listed after processes were killed in the middle of calls. */
  afterKills: unknown;
}

/** What mpu.ko counted. */
export interface Counters {
  requests: number;
  pids: number;
  hidden: number;
}

/** How a play went. */
export interface PlayOutcome extends ScenarioOutcome {
  name: string;
  /** What was asked of mpu.ko during it, where it was loaded. */
  counters?: Counters;
}

/** What a guest found out; what failed is left out, and told as a case. */
export interface GuestOutcome {
  drivers: DriverObservation[];
  plays: PlayOutcome[];
}
