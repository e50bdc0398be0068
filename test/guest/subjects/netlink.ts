// SPDX-License-Identifier: GPL-2.0-only
/** The netlink family, and what libmpu.so and libmpu-client ask it: `test/guest/cases` in C. */
import { buildModule } from '../harness/build.js';
import { casesOf } from '../harness/guest.js';
import type { Subject } from '../harness/subject.js';

export const netlink: Subject = {
  name: 'netlink',
  tools: [],
  node: false,
  prepare: async (kernel) => ({
    warnings: (await buildModule(kernel)).warnings,
    tasks: [{ subject: 'netlink', timeout: 600, cases: casesOf('netlink', kernel) }],
  }),
};
