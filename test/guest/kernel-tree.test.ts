// SPDX-License-Identifier: GPL-2.0-only
/** Source trees that `npm run test:kernel-tree` refuses, each with the reason. No kernel is built here. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { kernelOfTree } from './harness/kernel-tree.js';
import { check } from '../support/mpu.js';

const scratch = await mkdtemp(join(tmpdir(), 'mpu-tree-'));
t.teardown(() => rm(scratch, { recursive: true, force: true }));

async function makeTree(name: string, [major, minor]: [number, number], files: string[] = []): Promise<string> {
  const tree = join(scratch, name);
  await mkdir(tree);
  await writeFile(
    join(tree, 'Makefile'),
    `VERSION = ${major}\nPATCHLEVEL = ${minor}\n%:\n\t@echo no rule for $@; false\n`,
  );
  for (const file of ['Kconfig', ...files]) await writeFile(join(tree, file), '');
  return tree;
}

/** The error of a build. */
const refusal = async (tree: string): Promise<unknown> =>
  kernelOfTree(tree, { make: [], onProgress: () => undefined }).then(
    () => undefined,
    (error: unknown) => error,
  );

await t.test('what is no tree, or none that can be built', async (t) => {
  t.match(await refusal(join(scratch, 'nothing')), { exitCode: 2, why: /ENOENT/ });
  await mkdir(join(scratch, 'empty'));
  t.match(await refusal(join(scratch, 'empty')), { exitCode: 2, why: /Makefile/ });
  await writeFile(join(scratch, 'empty', 'Makefile'), 'all:\n');
  t.match(await refusal(join(scratch, 'empty')), { exitCode: 2, why: /not the source tree of a kernel/ });
  t.match(await refusal(await makeTree('old', [4, 17])), { exitCode: 3, why: /Linux 4\.17 is older than 4\.18/ });
  const used = await makeTree('used', [6, 1], ['.config']);
  t.match(await refusal(used), { next: `make -C ${used} mrproper` });
});

await t.test('tools that are missing, and a build that fails', async (t) => {
  const tree = await makeTree('tree', [6, 1]);
  const tools = join(scratch, 'bin');
  await mkdir(tools);
  for (const name of ['sh', 'make', 'gcc', 'perl', 'gzip', 'bc', 'flex', 'flock']) {
    await symlink((await check('sh', ['-c', 'command -v "$0"', name])).trim(), join(tools, name));
  }
  await writeFile(join(tools, 'pahole'), '#!/bin/sh\n', { mode: 0o755 });
  const before = process.env.PATH;
  t.teardown(() => (process.env.PATH = before));
  process.env.PATH = tools;
  t.match(await refusal(tree), {
    exitCode: 3,
    why: 'this system lacks bison',
    next: 'apt-get install -y --no-install-recommends bison',
  });
  await writeFile(join(tools, 'bison'), '#!/bin/sh\n', { mode: 0o755 });
  t.match(await refusal(tree), {
    why: /^make tinyconfig ended with status 2; the end of its output:\n(.*\n)*.*no rule for tinyconfig/,
    next: /^make -j\d+ -C \S+ O=\S+ ARCH=x86 .*'KCFLAGS=-Wno-error -w' tinyconfig$/,
  });
});
