// SPDX-License-Identifier: GPL-2.0-only
/** What a guest runs: mpu.ko for its kernel, static programs for its architecture, an initramfs of them. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, rmSync } from 'node:fs';
import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withLock } from '#mpu/lib/system/download-cache.js';
import { packageRoot } from '#mpu/lib/package/root.js';
import type { Architecture, Kernel } from './kernels.js';

const run = promisify(execFile);

const buildRoot = join(packageRoot, 'build', 'guest');
const moduleSource = join(packageRoot, 'kernel');

const CROSS_PREFIX: Record<Architecture, string> = { x86_64: '', aarch64: 'aarch64-linux-gnu-' };
const KERNEL_ARCHITECTURE: Record<Architecture, string> = { x86_64: 'x86', aarch64: 'arm64' };

/** A failed build carries its output. */
function buildFailure(what: string, error: unknown): Error {
  const output = error instanceof Error && 'stdout' in error && 'stderr' in error ? [error.stdout, error.stderr] : [];
  return new Error(`${what} failed:\n${output.join('\n')}`, { cause: error });
}

/** A built module and what its build said. */
export interface BuiltModule {
  path: string;
  /** Lines of the compiler, modpost and sparse that are complaints. */
  warnings: string[];
}

// The compiler here is not the one the kernel was built by, and there is no pahole; both are told at every build.
const EXPECTED = /the compiler differs|pahole version differs|Skipping BTF generation/;

/** What a module is built from. */
export interface ModuleSource {
  /** Name of the module, without `.ko`. */
  name: string;
  /** Directories of this repository, by where they are in the build's directory. */
  directories: Record<string, string>;
}

const MPU: ModuleSource = { name: 'mpu', directories: { '.': 'kernel' } };

/** A name that changes with anything that a build depends on. */
async function fingerprint(source: ModuleSource, compiler: string): Promise<string> {
  const hash = createHash('sha256').update((await run(compiler, ['--version'])).stdout);
  for (const [place, path] of Object.entries(source.directories)) {
    const entries = await readdir(join(packageRoot, path), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    for (const file of files.sort())
      hash
        .update(`${place} ${file}\0`)
        .update(await readFile(file))
        .update('\0');
  }
  return hash.digest('hex').slice(0, 16);
}

/**
 * Builds a module, mpu.ko unless told otherwise, in a directory of its own. `options` are further make variables,
 * such as `C=2`. What was built from the same sources before is taken as it is: tests of one kernel share it.
 * Throws with the build's output when there is no module at the end.
 */
export async function buildModule(kernel: Kernel, options: string[] = [], source = MPU): Promise<BuiltModule> {
  const compiler = `${CROSS_PREFIX[kernel.architecture]}gcc`;
  const place = join(buildRoot, kernel.release, [source.name, ...options].join('-').replace(/[^\w.-]/g, '_'));
  const directory = join(place, await fingerprint(source, compiler));
  const record = join(directory, 'built.json');
  return withLock(`${place}.lock`, async () => {
    const built = await readFile(record, 'utf8').catch(() => undefined);
    if (built !== undefined) return JSON.parse(built) as BuiltModule;
    await rm(place, { recursive: true, force: true });
    await mkdir(directory, { recursive: true });
    const module = await make(kernel, compiler, directory, options, source);
    await writeFile(record, JSON.stringify(module));
    return module;
  });
}

/**
 * For a compiler that is older than the one of the kernel's configuration. gcc before 14 aligns no function that is cold, and
 * ftrace on arm64 warns about one that is not; where the kernel itself is built by such a compiler, no function is marked so.
 */
export const KCFLAGS = 'KCFLAGS=-Wno-attributes -D__cold__=';

async function make(
  kernel: Kernel,
  compiler: string,
  directory: string,
  options: string[],
  { name, directories }: ModuleSource,
): Promise<BuiltModule> {
  for (const [place, path] of Object.entries(directories)) {
    await cp(join(packageRoot, path), join(directory, place), { recursive: true });
  }
  const variables = [
    `M=${directory}`,
    `ARCH=${KERNEL_ARCHITECTURE[kernel.architecture]}`,
    `CROSS_COMPILE=${CROSS_PREFIX[kernel.architecture]}`,
    ...(kernel.make ?? [`CC=${compiler}`]),
    // Need pahole; need a newer compiler. The kernels were built with both.
    'CONFIG_DEBUG_INFO_BTF_MODULES=',
    'CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=',
    KCFLAGS,
  ];
  try {
    const { stdout, stderr } = await run('make', ['-C', kernel.headers, ...variables, ...options, 'modules'], {
      env: { ...process.env, LC_ALL: 'C' },
      maxBuffer: 16 << 20,
    });
    const complaints = `${stdout}\n${stderr}`.split('\n').filter((line) => /\b(warning|error)\b/i.test(line));
    return { path: join(directory, `${name}.ko`), warnings: complaints.filter((line) => !EXPECTED.test(line)) };
  } catch (error) {
    throw buildFailure(`building ${name}.ko for ${kernel.release}`, error);
  }
}

const WARNINGS = ['-Wall', '-Wextra', '-Werror'];

/** Compiles a static program for an architecture. */
export async function compile(
  architecture: Architecture,
  sources: string[],
  output: string,
  flags: string[],
): Promise<void> {
  const common = ['-std=c11', '-D_GNU_SOURCE', '-O2', '-static', '-pthread', ...WARNINGS];
  try {
    // The module's directory comes last: it has headers with the names of the guest's.
    await run(`${CROSS_PREFIX[architecture]}gcc`, [...common, ...flags, '-I', moduleSource, '-o', output, ...sources]);
  } catch (error) {
    throw buildFailure(`compiling ${output}`, error);
  }
}

/** The one C program in a page of documentation. */
export async function exampleOf(page: string): Promise<string> {
  const [, program] = /^```c\n(.*?)^```$/ms.exec(await readFile(page, 'utf8')) ?? [];
  if (program === undefined) throw new Error(`${page} holds no C program`);
  return program;
}

/** A file of an initramfs; all are executable and root's. */
interface Entry {
  name: string;
  data: Buffer;
}

/** An archive as the kernel unpacks it at boot (cpio, "newc"). */
function initramfs(entries: Entry[]): Buffer {
  const parts: Buffer[] = [];
  let size = 0;
  const push = (data: Buffer): void => {
    const padded = Buffer.alloc(Math.ceil((size + data.length) / 4) * 4 - size);
    data.copy(padded);
    parts.push(padded);
    size += padded.length;
  };
  const add = (name: string, mode: number, inode: number, data: Buffer): void => {
    const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length + 1, 0];
    const header = fields.map((field) => field.toString(16).padStart(8, '0')).join('');
    push(Buffer.from(`070701${header}${name}\0`));
    push(data);
  };
  for (const [index, { name, data }] of entries.entries()) add(name, 0o100755, index + 1, data);
  add('TRAILER!!!', 0, 0, Buffer.alloc(0));
  return Buffer.concat(parts);
}

/** A new directory for what one process alone uses; it goes with the process. */
export async function ownDirectory(parent: string): Promise<string> {
  await mkdir(parent, { recursive: true });
  const directory = await mkdtemp(join(parent, 'guest-'));
  process.once('exit', () => {
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

/**
 * Builds everything that the guest of a kernel needs besides it; returns the path of its initramfs, which is there until this
 * process ends: others may build the same meanwhile.
 *
 * @param further - paths of further files, by their names in its root
 * @param archives - paths of archives with the rest of its root
 */
export async function buildInitramfs(
  kernel: Kernel,
  module: string,
  further: Readonly<Record<string, string>> = {},
  archives: readonly string[] = [],
): Promise<string> {
  const directory = await ownDirectory(join(buildRoot, kernel.release));
  const guest = join(packageRoot, 'test', 'guest');
  const benchmarks = join(packageRoot, 'bench', 'guest');
  const sources = await Promise.all(
    [join(guest, 'init'), join(guest, 'cases'), benchmarks].map(async (part) =>
      (await readdir(part)).filter((name) => name.endsWith('.c')).map((name) => join(part, name)),
    ),
  ).then((lists) => lists.flat());
  const shim = ['iterator', 'netlink', 'nsfs', 'own_fd', 'pidns', 'socket', 'translator'].map((name) =>
    join(packageRoot, 'preload', `${name}.c`),
  );
  sources.push(...shim, join(packageRoot, 'client', 'mpu-client.c'));
  const headers = [join(guest, 'init'), benchmarks, packageRoot].flatMap((directory) => ['-I', directory]);
  const strict = ['-Wconversion', '-Wshadow', '-Wstrict-prototypes', ...headers];
  await compile(kernel.architecture, sources, join(directory, 'init'), strict);

  // As a reader would have it: one file, the public header, no other help.
  await writeFile(join(directory, 'example.c'), await exampleOf(join(packageRoot, 'docs', 'netlink.md')));
  await compile(kernel.architecture, [join(directory, 'example.c')], join(directory, 'example'), []);

  const files = {
    init: join(directory, 'init'),
    example: join(directory, 'example'),
    'mpu-pidns': join(packageRoot, 'build', 'bpf', kernel.architecture, 'mpu-pidns'),
    'mpu.ko': module,
    ...further,
  };
  const entries = await Promise.all(
    Object.entries(files).map(async ([name, path]) => ({ name, data: await readFile(path) })),
  );
  const path = join(directory, 'initramfs');
  // The kernel unpacks one after the other.
  for (const archive of archives) await writeFile(path, createReadStream(archive), { flag: 'a' });
  await appendFile(path, initramfs(entries));
  return path;
}
