// SPDX-License-Identifier: GPL-2.0-only
/** mpu.ko as it is built for a kernel whose ftrace cannot redirect functions, which Debian has none of. */
import { join } from 'node:path';
import { packageRoot } from '#mpu/lib/package/root.js';
import { buildModule, KCFLAGS } from '../harness/build.js';
import { casesOf } from '../harness/guest.js';
import type { Subject } from '../harness/subject.js';

const HEADER = join(packageRoot, 'test', 'guest', 'harness', 'absent.h');

export const withoutFtrace: Subject = {
  name: 'without ftrace',
  tools: [],
  node: false,
  prepare: async (kernel) => {
    const { path, warnings } = await buildModule(kernel, [`${KCFLAGS} -include ${HEADER}`]);
    return {
      warnings,
      files: { 'mpu-absent.ko': path },
      tasks: [{ subject: 'absent', timeout: 300, cases: casesOf('absent', kernel) }],
    };
  },
};
