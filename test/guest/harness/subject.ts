// SPDX-License-Identifier: GPL-2.0-only
/** A subject: a part of what is tested in a guest, which shares the boot with the others. */
import type { Test } from 'tap';
import type { Plans } from '../init/plan.js';
import type { GuestResult, Task } from './guest.js';
import type { Kernel } from './kernels.js';

/** A part of a subject that a guest carries out. */
export interface GuestTask extends Task {
  /** How many cases it has, where that is known. */
  cases?: number;
}

/** What came of a guest. */
export interface GuestOutcome {
  result: GuestResult;
  /** What the task of that name wrote to the disk; undefined where it wrote nothing. */
  outcomeOf: (task: keyof Plans) => unknown;
}

/** What a subject adds to a guest. */
export interface Prepared {
  /** Complaints of the builds. */
  warnings: string[];
  tasks: GuestTask[];
  /** Paths of files by their names in the root of the guest. */
  files?: Readonly<Record<string, string>>;
  /** Paths of archives with further files. */
  archives?: readonly string[];
  plan?: Partial<Plans>;
  /** Checks what the guest found out, beside the cases of the tasks. */
  check?: (t: Test, outcome: GuestOutcome) => Promise<void> | void;
}

/** A subject of the guest of any kernel. */
export interface Subject {
  name: string;
  /** Programs of this machine that it needs, beside QEMU and a compiler. */
  tools: readonly string[];
  /** It runs in node. */
  node: boolean;
  /** Builds what it needs; `scratch` is an empty directory for that. */
  prepare: (kernel: Kernel, scratch: string) => Promise<Prepared>;
}
