// SPDX-License-Identifier: GPL-2.0-only
/** The kernel's own checkers on the sources of mpu.ko. */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { packageRoot } from '#mpu/lib/package/root.js';
import { buildModule } from '../guest/harness/build.js';
import { checkpatch, kernelOf } from '../guest/harness/kernels.js';

const run = promisify(execFile);
const kernelDirectory = join(packageRoot, 'kernel');

/** Slow downloads included. */
t.setTimeout(600_000);

async function sources(): Promise<string[]> {
  const names = await readdir(kernelDirectory, { recursive: true });
  // The rewriting core is C99 for user space as well; it has rules of its own.
  return names.filter((name) => /\.[ch]$/.test(name) && !name.startsWith('rm/')).sort();
}

await t.test('checkpatch has nothing to say', async (test) => {
  const script = await checkpatch();
  const files = await sources();
  test.ok(files.includes('netlink.c') && files.includes('uapi/mpu.h'), 'it looks at the module');
  const args = ['--no-tree', '--strict', '--terse', '--no-summary', '--max-line-length=100', '--file', ...files];
  const output = await run('perl', [script, ...args], { cwd: kernelDirectory }).then(
    ({ stdout }) => stdout,
    (error: unknown) => (error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error)),
  );
  test.equal(output.trim(), '');
});

// Debian's headers lack what sparse needs from Linux 7 on.
for (const series of ['5.10', '6.12'] as const) {
  await t.test(`sparse and W=1 have nothing to say on Linux ${series}`, async (test) => {
    test.ok(await run('sparse', ['--version']), 'sparse is there');
    const { warnings } = await buildModule(await kernelOf(series), ['C=2', 'W=1']);
    test.same(warnings, []);
  });
}

await t.test('a number has one place', async (test) => {
  const version = /MPU_VERSION "(.*)"/.exec(await readFile(join(kernelDirectory, 'version.h'), 'utf8'))?.[1];
  const manifest: unknown = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8'));
  test.match(manifest, { version }, 'the module has the version of the package');
});

await t.test('differences between kernels are probed for, in compat.h alone', async (test) => {
  const probes = await readdir(join(kernelDirectory, 'configure'));
  const compat = await readFile(join(kernelDirectory, 'compat.h'), 'utf8');
  for (const probe of probes.filter((name) => name !== 'SANITY' && name !== 'OLDEST')) {
    test.match(compat, `HAS_${probe}`, `compat.h uses the probe ${probe}`);
  }
  for (const name of await sources()) {
    const text = await readFile(join(kernelDirectory, name), 'utf8');
    test.notMatch(text, /LINUX_VERSION_CODE|KERNEL_VERSION/, `${name} asks for no version`);
    if (name !== 'compat.h') test.notMatch(text, /^#\s*if.*\bHAS_/m, `${name} has no case for a kernel`);
  }
});
