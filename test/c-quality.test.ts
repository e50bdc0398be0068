// SPDX-License-Identifier: GPL-2.0-only
/** The C of user space under every compiler. A compiler that is missing is a failure: scripts/bootstrap.sh installs it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import t from 'tap';
import { packageRoot } from '#mpu/lib/package/root.js';

t.setTimeout(600_000);

const WARNINGS = ['-Wall', '-Wextra', '-Werror', '-Wconversion', '-Wshadow', '-Wstrict-prototypes'];

function run(command: string, args: string[]): { ok: boolean; output: string } {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: packageRoot, encoding: 'utf8' });
  return { ok: status === 0, output: error ? String(error) : stdout + stderr };
}

void t.test('kernel/rm, preload and client compile without a warning', (t) => {
  const scratch = mkdtempSync(join(tmpdir(), 'mpu-quality-'));
  t.teardown(() => {
    rmSync(scratch, { recursive: true });
  });
  const sources = [join('kernel', 'rm'), 'preload', 'client'].flatMap((directory) =>
    readdirSync(join(packageRoot, directory))
      .filter((name) => name.endsWith('.c'))
      .map((name) => join(directory, name)),
  );
  t.ok(sources.length > 10, `${sources.length} sources`);
  for (const compiler of ['gcc', 'clang']) {
    for (const architecture of ['-m64', '-m32']) {
      for (const optimisation of ['-O0', '-O3']) {
        const failures = sources.flatMap((source) => {
          const options = [
            '-std=c11',
            '-ffreestanding',
            '-fno-builtin',
            '-fPIC',
            '-Ipreload/freestanding',
            '-I.',
            '-Ikernel',
            architecture,
            optimisation,
          ];
          const object = join(scratch, `${basename(source)}.o`);
          const { ok, output } = run(compiler, [...options, ...WARNINGS, '-c', source, '-o', object]);
          return ok ? [] : [output];
        });
        t.same(failures, [], `${compiler} ${architecture} ${optimisation}`);
      }
    }
  }
  t.end();
});
