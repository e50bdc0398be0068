// SPDX-License-Identifier: GPL-2.0-only
/** mpu.ko as it is built for a kernel whose ftrace cannot redirect functions, which Debian has none of. */
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '#mpu/lib/package/root.js';
import { buildInitramfs, buildModule, KCFLAGS } from './harness/build.js';
import { checkGuest, LIMIT } from './harness/run-netlink.js';
import { kernelOf } from './harness/kernels.js';

t.setTimeout(LIMIT);
await t.test('mpu.ko without interception', { timeout: LIMIT }, async (test) => {
  const kernel = await kernelOf('6.12');
  const header = join(packageRoot, 'test', 'guest', 'harness', 'absent.h');
  const module = await buildModule(kernel, [`${KCFLAGS} -include ${header}`]);
  test.same(module.warnings, [], 'builds without warnings');
  await checkGuest(test, 'absent', kernel, await buildInitramfs(kernel, module.path));
});
