// SPDX-License-Identifier: GPL-2.0-only
/** What holds for every source file of the repository. A tool that is missing is a failure: scripts/bootstrap.sh installs it. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import t from 'tap';
import { packageRoot } from '#mpu/lib/package/root.js';

// eslint with types takes most of a minute.
t.setTimeout(600_000);

const LONGEST = 500;
const SOURCES =
  /\.(c|h|ts|js|mjs|cjs|py|sh|bash|zsh|fish|awk|map|tsv|ya?ml|cmake|in)$|(^|\/)(CMakeLists\.txt|Makefile|Kbuild)$/;
const WARNINGS = ['-Wall', '-Wextra', '-Werror', '-Wconversion', '-Wshadow', '-Wstrict-prototypes'];

function run(command: string, args: string[]): { ok: boolean; output: string } {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: packageRoot,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return { ok: status === 0, output: error ? String(error) : stdout + stderr };
}

const listed = run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard']);
const content = new Map<string, string>();
for (const path of listed.output.split('\0').filter((name) => name !== '')) {
  try {
    content.set(path, readFileSync(join(packageRoot, path), 'utf8'));
  } catch {
    // deleted and not yet committed, or a link to a directory
  }
}
const files = [...content.keys()];
const shebang = (path: string): string => /^#!.*/.exec(content.get(path) ?? '')?.[0] ?? '';

void t.test('the sources are there', (t) => {
  t.ok(listed.ok, 'git lists them', { output: listed.output });
  t.ok(files.includes('kernel/rm/rm.h') && files.length > 50, `${files.length} files`);
  t.end();
});

void t.test('licence and length', (t) => {
  const sources = files.filter((path) => SOURCES.test(path) || shebang(path) !== '');
  t.ok(sources.length > 50, `${sources.length} sources`);
  const head = (path: string): string => (content.get(path) ?? '').split('\n').slice(0, 3).join('\n');
  t.same(
    sources.filter((path) => !head(path).includes('SPDX-License-Identifier: GPL-2.0-only')),
    [],
    'an SPDX line at the top of each',
  );
  t.same(
    sources
      .map((path) => ({ path, lines: (content.get(path) ?? '').split('\n').length - 1 }))
      .filter(({ lines }) => lines > LONGEST),
    [],
    `none is longer than ${LONGEST} lines`,
  );
  t.end();
});

/** Each release of clang-format formats a little differently, so one is fixed, whatever compiler is installed. */
function clangFormat(): string {
  const place = join(packageRoot, '.cache', 'clang-format-14.0.6');
  if (!existsSync(place)) {
    const { ok, output } = run('python3', [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--target',
      place,
      'clang-format==14.0.6',
    ]);
    if (!ok) throw new Error(`clang-format cannot be installed: ${output}`);
  }
  return join(place, 'clang_format', 'data', 'bin', 'clang-format');
}

void t.test('C is formatted', (t) => {
  const c = files.filter((path) => /\.[ch]$/.test(path));
  const { ok, output } = run(clangFormat(), ['--dry-run', '-Werror', ...c]);
  t.ok(ok, `clang-format has nothing to change in ${c.length} files`, { output });
  t.end();
});

void t.test('kernel/rm, preload and client compile without a warning', (t) => {
  const scratch = mkdtempSync(join(tmpdir(), 'mpu-quality-'));
  t.teardown(() => {
    rmSync(scratch, { recursive: true });
  });
  const sources = files.filter((path) => /^(kernel\/rm|preload|client)\/[^/]*\.c$/.test(path));
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

void t.test('shell scripts', (t) => {
  const scripts = files.filter((path) => /\.(sh|bash)$/.test(path) || /^#!.*\b(ba|da)?sh\b/.test(shebang(path)));
  t.ok(scripts.length > 0, `${scripts.length} scripts`);
  const { ok, output } = run('shellcheck', ['--', ...scripts]);
  t.ok(ok, 'shellcheck has nothing to say', { output });
  t.end();
});

void t.test('TypeScript', (t) => {
  const { ok, output } = run(process.execPath, [
    join('node_modules', 'eslint', 'bin', 'eslint.js'),
    '--max-warnings=0',
    '.',
  ]);
  t.ok(ok, 'eslint has nothing to say', { output });
  t.end();
});
