// SPDX-License-Identifier: GPL-2.0-only
/** What tests and the subjects of their guests tell each other, as JSON. */
import type { Scenario, ScenarioOutcome } from '../../nvidia-clients/scenario.js';

/** A scenario under a simulated driver of its own. */
export interface Play {
  /** How the guest refers to it. */
  name: string;
  /** nvidia.ko and its parameters, as insmod takes them. */
  driver: string[];
  scenario: Scenario;
}

/** What the subjects of nvidia-smi do, in order. */
export interface PlayPlan {
  withoutModule: Play[];
  /** mpu.ko and its parameters; it is loaded, then removed, around the plays in `withModule`. */
  module: string[];
  withModule: Play[];
}

/** Each nvidia.ko to examine, and the programs to do that with. */
export interface DriverPlan {
  drivers: string[];
  probes: string[];
}

/** Plans of subjects that have one. */
export interface Plans {
  driver: DriverPlan;
  clients: PlayPlan;
  'intercepted-clients': PlayPlan;
}

/** Subjects that run in node. */
export const NODE_SUBJECTS = ['driver', 'clients', 'intercepted-clients', 'mpu-module', 'mpu-module-locked'] as const;
export type NodeSubject = (typeof NODE_SUBJECTS)[number];

/** The guest's disk, for more than a console can carry. */
export const DISK = '/dev/nvme0n1';
/** Room for one outcome. */
const SLOT_BYTES = 64 << 20;
export const DISK_BYTES = NODE_SUBJECTS.length * SLOT_BYTES;

/** Where the outcome of a subject is on the disk. */
export const diskOffset = (subject: NodeSubject): number => NODE_SUBJECTS.indexOf(subject) * SLOT_BYTES;

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
