// SPDX-License-Identifier: GPL-2.0-only
/** A container cannot measure which host PIDs are in use elsewhere: `test/guest/cases/timing.c`. */
import { casesOf } from '../harness/guest.js';
import type { Subject } from '../harness/subject.js';

/** Only on a CPU that counts its instructions. */
export const timing: Subject = {
  name: 'what the time of an answer tells',
  tools: [],
  node: false,
  prepare: (kernel) =>
    Promise.resolve({
      warnings: [],
      tasks: [{ subject: 'timing', timeout: 600, cases: casesOf('timing', kernel) }],
    }),
};
