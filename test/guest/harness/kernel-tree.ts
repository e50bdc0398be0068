// SPDX-License-Identifier: GPL-2.0-only
/**
 * Builds a kernel from a source tree, with what the guests need and little else (tree.config). The build lies beside the
 * tree, in a directory for each configuration and compiler, and is continued there, so a second run takes seconds.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, copyFile, mkdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ExitCode, fileError, MpuError } from '#mpu/lib/errors.js';
import { packageRoot } from '#mpu/lib/package/root.js';
import { withLock } from '#mpu/lib/system/download-cache.js';
import { runProgram } from '#mpu/lib/system/program.js';
import { parseConfig } from '#mpu/lib/module/kernel-build.js';
import { hasProgram } from '../../support/engines.js';
import type { Kernel } from './kernels.js';

const CONFIG = join(packageRoot, 'test', 'guest', 'harness', 'tree.config');
/** The oldest release whose interfaces mpu.ko can do with: that of Red Hat Enterprise Linux 8, which carries newer ones. */
const OLDEST = [4, 18] as const;
/** Without these no guest can run. */
const NEEDED = ['CONFIG_64BIT', 'CONFIG_MODULES', 'CONFIG_PID_NS', 'CONFIG_NET', 'CONFIG_SERIAL_8250_CONSOLE'];
/** Programs of every build; Debian's packages have the same names. */
const PROGRAMS = ['make', 'gcc', 'bc', 'flex', 'bison', 'perl', 'gzip'];
const PROGRESS_MS = 15_000;
/** Lines at the end of a failed build's output that are shown. */
const SHOWN_LINES = 25;

/** How to build. */
export interface TreeOptions {
  /** Path of a file with options that are set after, and so instead of, those of tree.config. */
  config?: string | undefined;
  /** Variables for make, such as `LLVM=-16`. */
  make: readonly string[];
  /** Told now and then how far it is. */
  onProgress: (line: string) => void;
}

/** A kernel that was built from a tree. */
export interface TreeKernel extends Kernel {
  /** Options of its configuration. */
  config: ReadonlyMap<string, string>;
  /** Options that were asked for and that the tree does not know, or refuses in this combination. */
  refused: string[];
}

function cannotBuild(tree: string, why: string, next: string, exitCode: number = ExitCode.failed): MpuError {
  return new MpuError({ code: 'kernel-tree', what: `cannot build a kernel from ${tree}`, why, next, exitCode });
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Throws unless the directory is the clean source tree of a kernel that is new enough. */
async function checkTree(tree: string): Promise<string> {
  const other = 'name the directory that holds the Makefile and the Kconfig of a kernel';
  const makefile = await readFile(join(tree, 'Makefile'), 'utf8').catch((error: unknown) => {
    throw cannotBuild(tree, fileError(error, '').why, other, ExitCode.usage);
  });
  const number = (name: string): number => Number(new RegExp(`^${name} = (\\d+)$`, 'm').exec(makefile)?.[1] ?? NaN);
  const [major, minor] = [number('VERSION'), number('PATCHLEVEL')];
  if (Number.isNaN(major) || Number.isNaN(minor) || !(await exists(join(tree, 'Kconfig')))) {
    throw cannotBuild(tree, 'it is not the source tree of a kernel', other, ExitCode.usage);
  }
  const [oldestMajor, oldestMinor] = OLDEST;
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
    throw cannotBuild(
      tree,
      `Linux ${major}.${minor} is older than ${oldestMajor}.${oldestMinor}, and mpu.ko cannot be built for it`,
      'take the tree of a newer kernel',
      ExitCode.hostUnsupported,
    );
  }
  if ((await exists(join(tree, '.config'))) || (await exists(join(tree, 'include', 'config')))) {
    throw cannotBuild(tree, 'a kernel has been configured or built in it', `make -C ${tree} mrproper`);
  }
  return `${major}.${minor}`;
}

/** Throws with the command that installs what is missing on this system. */
async function checkTools(tree: string, withBtf: boolean): Promise<void> {
  const wanted = [...PROGRAMS.map((name) => [name, name]), ...(withBtf ? [['pahole', 'dwarves']] : [])] as const;
  const missing = (
    await Promise.all(
      wanted.map(async ([name = '', packageName]) => ((await hasProgram(name)) ? undefined : packageName)),
    )
  ).filter((name) => name !== undefined);
  // objtool, which newer kernels are built with, reads ELF files with it.
  if (!(await exists('/usr/include/libelf.h'))) missing.push('libelf-dev');
  if (missing.length === 0) return;
  const next = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  throw cannotBuild(tree, `this system lacks ${missing.join(', ')}`, next, ExitCode.hostUnsupported);
}

/** Lines with options in a fragment of a configuration. */
const optionsIn = (fragment: string): string[] =>
  fragment.split('\n').filter((line) => /^(CONFIG_\w+=|# CONFIG_\w+ is not set$)/.test(line));

const nameIn = (line: string): string => /CONFIG_\w+/.exec(line)?.[0] ?? '';

/** The options of both, those of the second where both have one. */
function merge(base: string, further: string): string[] {
  return [...new Map([...optionsIn(base), ...optionsIn(further)].map((line) => [nameIn(line), line])).values()];
}

interface Build {
  tree: string;
  release: string;
  directory: string;
  make: readonly string[];
  onProgress: TreeOptions['onProgress'];
}

/** Runs make in the tree, its output going to the directory of the build. */
async function make(
  { tree, release, directory, make: variables, onProgress }: Build,
  targets: string[],
): Promise<void> {
  // Compilers of today find faults in programs and sources of old kernels.
  const compilation = ['WERROR=0', 'HOSTCFLAGS=-fcommon', 'KCFLAGS=-Wno-error -w'];
  const args = [`-j${availableParallelism()}`, '-C', tree, `O=${directory}`, 'ARCH=x86', ...compilation, ...variables];
  const child = spawn('make', [...args, ...targets], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  });
  const tail: string[] = [];
  let compiled = 0;
  let last = '';
  const read = (line: string): void => {
    tail.push(line);
    if (tail.length > SHOWN_LINES) tail.shift();
    const [, file] = /^\s+(?:CC|AS|LD|BTF\w*|HOSTCC)\s+(?:\[M\]\s+)?(\S+)/.exec(line) ?? [];
    if (file === undefined) return;
    compiled++;
    last = file;
  };
  createInterface({ input: child.stdout }).on('line', read);
  createInterface({ input: child.stderr }).on('line', read);
  const timer = setInterval(() => {
    onProgress(`Linux ${release}: ${compiled} files compiled, now ${last}`);
  }, PROGRESS_MS);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).finally(() => {
    clearInterval(timer);
  });
  if (status === 0) return;
  throw cannotBuild(
    tree,
    `make ${targets.join(' ')} ended with status ${String(status)}; the end of its output:\n${tail.join('\n')}`,
    `make ${[...args, ...targets].map((word) => (word.includes(' ') ? `'${word}'` : word)).join(' ')}`,
  );
}

/** Writes the configuration; returns it and what the tree has refused. */
async function configure(build: Build, wanted: string[]): Promise<Pick<TreeKernel, 'config' | 'refused'>> {
  const file = join(build.directory, '.config');
  const done = join(build.directory, 'mpu-configured');
  if (!(await exists(done))) {
    await make(build, ['tinyconfig']);
    const names = new Set(wanted.map(nameIn));
    const kept = (await readFile(file, 'utf8')).split('\n').filter((line) => !names.has(nameIn(line)));
    await writeFile(file, `${[...kept, ...wanted].join('\n')}\n`);
    await writeFile(done, '');
  }
  await make(build, ['olddefconfig']);
  const text = await readFile(file, 'utf8');
  const config = parseConfig(text);
  const lines = new Set(text.split('\n'));
  const refused = wanted.filter((line) =>
    line.startsWith('#') ? config.get(nameIn(line)) !== undefined : !lines.has(line),
  );
  const lacking = NEEDED.filter((name) => config.get(name) !== 'y');
  if (lacking.length > 0) {
    throw cannotBuild(build.tree, `its configuration refuses ${lacking.join(', ')}`, `look into ${file}`);
  }
  return { config, refused };
}

/** The kernel of a source tree, built unless it has been with the same configuration. */
export async function kernelOfTree(directory: string, options: TreeOptions): Promise<TreeKernel> {
  const tree = await realpath(directory).catch(() => directory);
  const release = await checkTree(tree);
  const base = await readFile(CONFIG, 'utf8');
  const further = options.config === undefined ? '' : await readFile(options.config, 'utf8');
  const wanted = merge(base, further);
  await checkTools(tree, wanted.includes('CONFIG_DEBUG_INFO_BTF=y'));
  const compiler = (await runProgram('gcc', ['--version'], `cannot build a kernel from ${tree}`)).stdout;
  const hash = createHash('sha256')
    .update(JSON.stringify([wanted, options.make, compiler]))
    .digest('hex');
  const place = join(`${tree}.build`, hash.slice(0, 12));
  const build: Build = { tree, release, directory: place, make: options.make, onProgress: options.onProgress };
  try {
    await mkdir(place, { recursive: true });
  } catch (error) {
    throw fileError(error, `cannot build a kernel from ${tree}`);
  }
  return withLock(`${place}.lock`, async () => {
    const configured = await configure(build, wanted);
    await make(build, ['bzImage', 'modules']);
    // Before 5.10, what the kernel exports is in Module.symvers at once; later, once there was a module to build.
    const symbols = join(place, 'Module.symvers');
    if (!(await exists(symbols))) await copyFile(join(place, 'vmlinux.symvers'), symbols);
    return {
      release: (await readFile(join(place, 'include', 'config', 'kernel.release'), 'utf8')).trim(),
      architecture: 'x86_64',
      image: join(place, 'arch', 'x86', 'boot', 'bzImage'),
      headers: place,
      make: options.make,
      ...configured,
    };
  });
}
