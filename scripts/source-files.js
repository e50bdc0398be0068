// SPDX-License-Identifier: GPL-2.0-only
/** The files of this repository by language, and the formatter of C. */
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute path of the repository. */
export const repository = fileURLToPath(new URL('../', import.meta.url));

const TEXT =
  /\.(c|h|cc|ts|js|mjs|cjs|py|sh|bash|zsh|fish|awk|map|tsv|ya?ml|cmake|in)$|(^|\/)(CMakeLists\.txt|Makefile|Kbuild)$/;

/**
 * Returns the regular files of the git work tree at `directory`, committed or not, with their text.
 * Ignored files are left out. Throws when git cannot list them.
 */
export function sourceFiles(directory) {
  const listing = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: directory,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (listing.status !== 0) throw new Error(`git cannot list the files of ${directory}: ${listing.stderr}`);
  return listing.stdout
    .split('\0')
    .filter((path) => path !== '' && lstatSync(join(directory, path), { throwIfNoEntry: false })?.isFile())
    .map((path) => ({ path, text: readFileSync(join(directory, path), 'utf8') }));
}

const shebang = ({ text }) => /^#!.*/.exec(text)?.[0] ?? '';

/** Returns true for a file that carries a licence line and is held to the limit of length. */
export const isSource = (file) => TEXT.test(file.path) || shebang(file) !== '';
export const isC = ({ path }) => /\.[ch]$/.test(path);
export const isShell = (file) => /\.(sh|bash)$/.test(file.path) || /\b(ba|da)?sh\b/.test(shebang(file));
/** Returns true for a file that prettier formats. JSON is left alone: npm writes it. */
export const isScript = ({ path }) => /\.(ts|js|mjs)$/.test(path);

/** Each release of clang-format formats a little differently, so one is fixed, whatever compiler is installed. */
const CLANG_FORMAT = '14.0.6';

/** Returns the path of clang-format, which pip fetches the first time. Throws with what pip printed when that fails. */
export function clangFormat() {
  const cache = join(repository, '.cache');
  const directory = join(cache, `clang-format-${CLANG_FORMAT}`);
  if (!existsSync(directory)) {
    mkdirSync(cache, { recursive: true });
    const scratch = `${directory}.${process.pid}`;
    const options = [
      '--quiet',
      '--disable-pip-version-check',
      '--retries',
      '8',
      '--target',
      scratch,
      `clang-format==${CLANG_FORMAT}`,
    ];
    const { status, stderr, error } = spawnSync('python3', ['-m', 'pip', 'install', ...options], { encoding: 'utf8' });
    if (status !== 0) {
      rmSync(scratch, { recursive: true, force: true });
      throw new Error(`pip cannot install clang-format ${CLANG_FORMAT}: ${error?.message ?? stderr}`);
    }
    try {
      renameSync(scratch, directory);
    } catch (failure) {
      // Another process was faster.
      rmSync(scratch, { recursive: true, force: true });
      if (!existsSync(directory)) throw failure;
    }
  }
  return join(directory, 'clang_format', 'data', 'bin', 'clang-format');
}
