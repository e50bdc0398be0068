// SPDX-License-Identifier: GPL-2.0-only
/** The unit tests and the fuzzer of kernel/rm under both compilers, and that its objects stand alone. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import t, { type Test } from 'tap';
import { packageRoot } from '#mpu/lib/package/root.js';

// Compilers take their time when other tests run beside this one.
t.setTimeout(600_000);

const kernel = join(packageRoot, 'kernel');
const tests = join(packageRoot, 'test', 'kernel', 'rm');
const built = join(packageRoot, 'build', 'test', 'kernel', 'rm');
const scratch = mkdtempSync(join(tmpdir(), 'mpu-rm-'));
t.teardown(() => {
  rmSync(scratch, { recursive: true });
});

const WARNINGS = ['-Wall', '-Wextra', '-Werror', '-Wconversion', '-Wshadow', '-Wstrict-prototypes'];
const SANITIZERS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

const sourcesIn = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.c'))
    .map((name) => join(directory, name));
const core = sourcesIn(join(kernel, 'rm'));
const unitTests = sourcesIn(tests).filter((path) => basename(path) !== 'fuzz.c');
const fuzzer = [join(tests, 'fuzz.c'), join(tests, 'guard.c')];

function run(command: string, args: string[]): { ok: boolean; output: string } {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  return { ok: status === 0, output: error ? String(error) : stdout + stderr };
}

/** Compiles one of the programs; null, and a failed test, where that does not work. */
function compile(test: Test, name: string, compiler: string, sources: string[], options: string[]): string | null {
  const program = join(scratch, name);
  const define = `-DMPU_TEST_DATA="${tests}"`;
  const args = ['-std=c11', '-D_GNU_SOURCE', '-g', '-O1', define, `-I${kernel}`, ...WARNINGS, ...options];
  const { ok, output } = run(compiler, [...args, ...sources, ...core, '-o', program]);
  test.ok(ok, `${name} compiles`, { output });
  return ok ? program : null;
}

void t.test('as built: clang, address and undefined behaviour sanitizers', async (t) => {
  await t.spawn(join(built, 'rm-test'), [], {}, 'rm-test');
  const { ok, output } = run(join(built, 'rm-fuzz'), ['-runs=20000']);
  t.ok(ok, '20,000 pseudo-random inputs leave all but their memory alone', { output });
});

void t.test('as built for 32 bit', async (t) => {
  await t.spawn(join(built, 'rm-test-i386'), [], {}, 'rm-test');
});

void t.test('gcc, address and undefined behaviour sanitizers', async (t) => {
  const program = compile(t, 'rm-test', 'gcc', unitTests, SANITIZERS);
  if (program !== null) await t.spawn(program, [], {}, 'rm-test');
  const fuzz = compile(t, 'rm-fuzz', 'gcc', fuzzer, SANITIZERS);
  if (fuzz === null) return;
  const { ok, output } = run(fuzz, ['-runs=5000']);
  t.ok(ok, 'the fuzzer finds nothing', { output });
});

for (const compiler of ['clang', 'gcc']) {
  for (const architecture of ['-m64', '-m32']) {
    void t.test(`${compiler} ${architecture}: freestanding C99 that needs nothing but itself`, (t) => {
      for (const source of core) {
        const object = join(scratch, `${compiler}${architecture}-${basename(source)}.o`);
        const options = ['-std=c99', '-O2', '-ffreestanding', '-fPIC', ...WARNINGS, architecture];
        const { ok, output } = run(compiler, [...options, `-I${kernel}`, '-c', source, '-o', object]);
        t.ok(ok, `${basename(source)} compiles without a warning`, { output });
        const symbols = run('nm', ['--undefined-only', '--format=just-symbols', object]);
        t.ok(symbols.ok, 'nm reads the object', { output: symbols.output });
        const foreign = symbols.output
          .split('\n')
          .filter(
            (name) => name !== '' && name !== '_GLOBAL_OFFSET_TABLE_' && !/^(mpu_rm_|__x86\.get_pc_thunk)/.test(name),
          );
        t.same(foreign, [], `${basename(source)} has no undefined symbol but mpu_rm_*`);
      }
      t.end();
    });
  }
}
