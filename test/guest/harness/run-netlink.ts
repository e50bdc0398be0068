// SPDX-License-Identifier: GPL-2.0-only
/** The test of one kernel: builds mpu.ko for it, boots it, and reports what the guest found. */
import t, { type Test } from 'tap';
import { buildInitramfs, buildModule } from './build.js';
import { casesOf, runGuest, type CASES, type GuestOptions } from './guest.js';
import { kernelOf, type Architecture, type Kernel, type Series } from './kernels.js';

/** Milliseconds for one kernel, a slow download included. */
export const LIMIT = 850_000;

/** Boots a guest, and passes on what it found. */
export async function checkGuest(
  test: Test,
  mode: keyof typeof CASES,
  kernel: Kernel,
  initramfs: string,
  options: GuestOptions = {},
): Promise<void> {
  const result = await runGuest(kernel, initramfs, { mode, ...options });
  for (const { name, ok } of result.cases) test.ok(ok, name);
  test.equal(result.cases.length, casesOf(mode, kernel), 'the guest ran all its cases');
  if (!test.ok(result.finished, 'the guest ended by its own will')) test.comment(result.ending);
}

/** Builds mpu.ko for a kernel and runs the cases of its netlink family. */
export async function checkNetlink(test: Test, kernel: Kernel, options: GuestOptions = {}): Promise<void> {
  const module = await buildModule(kernel);
  test.same(module.warnings, [], `builds without warnings for ${kernel.release}`);
  await checkGuest(test, 'test', kernel, await buildInitramfs(kernel, module.path), options);
}

/** Defines and runs the test of a kernel. Downloads the kernel when it is not in the cache. */
export async function testKernel(series: Series, architecture: Architecture = 'x86_64'): Promise<void> {
  t.setTimeout(LIMIT);
  await t.test(`mpu.ko on Linux ${series}, ${architecture}`, { timeout: LIMIT }, async (test) => {
    await checkNetlink(test, await kernelOf(series, architecture));
  });
}
