// SPDX-License-Identifier: GPL-2.0-only
/** What a test and the init of its guest tell each other, as JSON. */
import type { Scenario, ScenarioOutcome } from '../clients/scenario.js';

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
  /** mpu.ko and its parameters; it is loaded before the plays named in `withModule`. */
  module: string[];
  withoutModule: Play[];
  withModule: Play[];
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
