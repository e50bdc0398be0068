// SPDX-License-Identifier: GPL-2.0-only
/** Interception on one kernel: mpu.ko and the simulated nvidia.ko in a guest (test/guest/cases/intercept.c). */
import t, { type Test } from 'tap';
import { lacking } from '../../support/engines.js';
import { checkGuest } from './run-netlink.js';
import { kernelOf, type Architecture, type Kernel, type Series } from './kernels.js';
import { buildInterception } from './build-interception.js';

/** How often interception is switched, and the module loaded, under load; `npm run test:intercept-rounds` for more. */
const ROUNDS = 20;
/** Milliseconds for one kernel, a slow download included. */
const LIMIT = 1_500_000;
/** Seconds for the guest, and for each round. */
const GUEST_S = 1_000;
const ROUND_S = 10;
const TOOLS: Record<Architecture, string[]> = {
  x86_64: ['qemu-system-x86_64', 'gcc', 'musl-gcc'],
  aarch64: ['qemu-system-aarch64', 'aarch64-linux-gnu-gcc'],
};

/** Builds what the cases of interception need for a kernel, and runs them. */
export async function checkInterception(test: Test, kernel: Kernel, rounds: number): Promise<void> {
  const { initramfs, warnings } = await buildInterception(kernel);
  test.same(warnings, [], `builds without warnings for ${kernel.release}`);
  const timeout = GUEST_S + ROUND_S * rounds;
  await checkGuest(test, 'intercept', kernel, initramfs, { argument: rounds, timeout });
}

/** Defines and runs the test of a kernel. Downloads the kernel when it is not in the cache. */
export async function testInterception(series: Series, architecture: Architecture = 'x86_64'): Promise<void> {
  const skip = await lacking([...TOOLS[architecture], 'make', 'clang', 'setpriv']);
  t.setTimeout(LIMIT);
  await t.test(`interception on Linux ${series}, ${architecture}`, { skip, timeout: LIMIT }, async (test) => {
    await checkInterception(test, await kernelOf(series, architecture), ROUNDS);
  });
}
