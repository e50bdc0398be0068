// SPDX-License-Identifier: GPL-2.0-only
/** A container cannot measure which host PIDs are in use elsewhere (test/guest/cases/timing.c). */
import t from 'tap';
import { buildInitramfs, buildModule } from './harness/build.js';
import { kernelOf } from './harness/kernels.js';
import { checkGuest, LIMIT } from './harness/run-netlink.js';

t.setTimeout(LIMIT);
await t.test('what the time of an answer tells', { timeout: LIMIT }, async (test) => {
  const kernel = await kernelOf('6.12');
  const initramfs = await buildInitramfs(kernel, (await buildModule(kernel)).path);
  await checkGuest(test, 'timing', kernel, initramfs, { cpus: 'counted', timeout: 600 });
});
