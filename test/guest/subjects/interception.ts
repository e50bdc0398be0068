// SPDX-License-Identifier: GPL-2.0-only
/** mpu.ko and the simulated nvidia.ko: `test/guest/cases/intercept.c`. */
import { casesOf } from '../harness/guest.js';
import { buildInterception } from '../harness/interception.js';
import type { Subject } from '../harness/subject.js';

/** How often interception is switched, and the module loaded, under load; `npm run test:intercept-rounds` for more. */
const ROUNDS = 20;

export const interceptionFor = (rounds: number): Subject => ({
  name: 'interception',
  tools: ['clang', 'musl-gcc'],
  node: false,
  prepare: async (kernel) => ({
    ...(await buildInterception(kernel)),
    tasks: [
      { subject: 'interception', argument: rounds, timeout: 1_200, cases: casesOf('interception', kernel) },
      { subject: 'lockdown', timeout: 600, cases: casesOf('lockdown', kernel) },
    ],
  }),
});

export const interception = interceptionFor(ROUNDS);
