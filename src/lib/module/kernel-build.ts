// SPDX-License-Identifier: GPL-2.0-only
/** What a module of a kernel is built with: the kernel's headers, its configuration, its compiler. */
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ExitCode, MpuError, usageError } from '../errors.js';
import { compilerCommand, distributionOf } from './distribution.js';
import { headersCommand } from './headers-package.js';
import type { Host } from '../system/host.js';
import { readIfPresent } from '../system/regular-file.js';
import { findProgram, runProgram } from '../system/program.js';

/** A compiler by its kind and major version. */
export interface Compiler {
  kind: 'gcc' | 'clang';
  major: number;
}

/** The headers of a kernel. */
export interface KernelBuild {
  /** Directory of the headers, as seen from here. */
  directory: string;
  /** CONFIG_ options and their values, without quotes. */
  config: ReadonlyMap<string, string>;
  /** The compiler that made the kernel; undefined when the headers do not say. */
  compiler: Compiler | undefined;
  /** The first word of CONFIG_CC_VERSION_TEXT, e.g. `x86_64-linux-gnu-gcc-14`. */
  compilerProgram: string | undefined;
}

/** The oldest kernel that mpu.ko may be built for: that of Red Hat Enterprise Linux 8. kernel/Kbuild knows the others. */
const OLDEST = [4, 18] as const;

const NEEDED = {
  CONFIG_MODULES: 'no modules can be loaded into it',
  CONFIG_NET: 'it has no network, so no netlink',
  CONFIG_PID_NS: 'it has no PID namespaces, so there is nothing to translate',
};

export function unsupported(host: Host, why: string): MpuError {
  return new MpuError({
    code: 'kernel-unsupported',
    what: `mpu.ko cannot run on kernel ${host.kernel}`,
    why,
    next: 'do without the module: sudo mpu pidns enable, on Linux 5.11 and later with BTF',
    exitCode: ExitCode.hostUnsupported,
  });
}

/** Throws for a kernel that is older than 4.18. */
export function checkRelease(host: Host): void {
  const [major = 0, minor = 0] = host.kernel.split('.').map((part) => parseInt(part, 10));
  const [oldestMajor, oldestMinor] = OLDEST;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw unsupported(host, `it is older than ${oldestMajor}.${oldestMinor}`);
}

/** Throws when the running kernel takes no modules at all. */
export async function checkLoadable(host: Host): Promise<void> {
  if (
    await access(host.kernelFile('/proc/modules')).then(
      () => true,
      () => false,
    )
  )
    return;
  throw unsupported(host, 'it was built without loadable modules');
}

/** The options of a kernel's configuration, from .config or include/config/auto.conf. */
export function parseConfig(text: string): Map<string, string> {
  const config = new Map<string, string>();
  for (const [, name = '', value = ''] of text.matchAll(/^(CONFIG_\w+)=(.*)$/gm)) {
    config.set(name, value.replace(/^"(.*)"$/, '$1'));
  }
  return config;
}

/** Removes what stands in parentheses: vendors put versions of their own there, `gcc.br_real (Buildroot 2022.08) 11.3.0`. */
function withoutParentheses(text: string): string {
  const shorter = text.replace(/\([^()]*\)/g, ' ');
  return shorter === text ? text : withoutParentheses(shorter);
}

/** Returns the compiler named in CONFIG_CC_VERSION_TEXT or LINUX_COMPILER. */
export function parseCompiler(text: string): Compiler | undefined {
  const plain = withoutParentheses(text);
  const clang = /clang version (\d+)/.exec(plain);
  if (clang !== null) return { kind: 'clang', major: Number(clang[1]) };
  const gcc = /gcc\S*(?: version)?\s+(\d+)\.\d+/.exec(plain);
  return gcc === null ? undefined : { kind: 'gcc', major: Number(gcc[1]) };
}

/** Where the headers of the kernel are; undefined when they are not installed. */
export async function findHeaders(host: Host): Promise<string | undefined> {
  for (const path of [
    `/lib/modules/${host.kernel}/build`,
    `/usr/src/linux-headers-${host.kernel}`,
    `/usr/src/kernels/${host.kernel}`,
  ]) {
    const directory = await host.resolve(path);
    if ((await stat(join(directory, 'Makefile')).catch(() => undefined))?.isFile() === true) return directory;
  }
  return undefined;
}

/** The headers of the kernel. Throws when they are missing (naming the package) or the kernel cannot take the module. */
export async function kernelBuild(host: Host): Promise<KernelBuild> {
  checkRelease(host);
  const directory = await findHeaders(host);
  if (directory === undefined) {
    const { family, id } = await distributionOf(host);
    throw new MpuError({
      code: 'headers-missing',
      what: `cannot build mpu.ko for kernel ${host.kernel}`,
      why: `its headers are not installed: ${host.path(`/lib/modules/${host.kernel}/build`)} is not there`,
      next: headersCommand(family, host.kernel, id),
      exitCode: ExitCode.hostUnsupported,
    });
  }
  const text =
    (await readIfPresent(join(directory, 'include/config/auto.conf'))) ??
    (await readIfPresent(join(directory, '.config')));
  const config = parseConfig(text ?? '');
  if (config.size > 0) {
    for (const [name, why] of Object.entries(NEEDED))
      if (config.get(name) !== 'y') throw unsupported(host, `${why} (${name})`);
  }
  const words = config.get('CONFIG_CC_VERSION_TEXT');
  return {
    directory,
    config,
    compiler: words === undefined ? undefined : parseCompiler(words),
    compilerProgram: words?.split(' ')[0],
  };
}

/** Kind and version of a compiler that is installed here; undefined when it does not run. */
async function identify(program: string): Promise<Compiler | undefined> {
  if ((await findProgram(program)) === undefined) return undefined;
  const { status, stdout } = await runProgram(program, ['--version'], `cannot run ${program}`);
  return status === 0
    ? (parseCompiler(stdout.toString().split('\n')[0] ?? '') ?? unnamedGcc(stdout.toString()))
    : undefined;
}

// gcc prints the name it was called by: `cc (Debian 12.2.0-14) 12.2.0`.
function unnamedGcc(text: string): Compiler | undefined {
  const version = /^\S+\s+(\d+)\.\d+/.exec(withoutParentheses(text));
  return version === null || !text.includes('see the source for copying conditions')
    ? undefined
    : { kind: 'gcc', major: Number(version[1]) };
}

/** The compiler to build with, as make's variables. */
export interface CompilerChoice {
  program: string;
  variables: string[];
}

// Options that a newer compiler has put into the configuration and an older one cannot follow. gcc before 14 aligns no
// function that is cold, of which ftrace on arm64 complains: none is then marked so, as in a kernel built by such a gcc.
const NEWER_COMPILER = ['CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=', 'KCFLAGS=-Wno-attributes -D__cold__='];

function variablesFor(program: string, compiler: Compiler, wanted: Compiler | undefined): string[] {
  const older = wanted?.kind === compiler.kind && compiler.major < wanted.major;
  return [`CC=${program}`, ...(compiler.kind === 'clang' ? ['LLVM=1'] : []), ...(older ? NEWER_COMPILER : [])];
}

/**
 * A compiler of the kernel's kind and major version, or the one the user chose. Throws when there is
 * none, naming the package.
 */
export async function chooseCompiler(host: Host, build: KernelBuild, chosen?: string): Promise<CompilerChoice> {
  const what = `cannot build mpu.ko for kernel ${host.kernel}`;
  const { compiler: wanted, compilerProgram } = build;
  if (chosen !== undefined) {
    const compiler = await identify(chosen);
    if (compiler !== undefined) return { program: chosen, variables: variablesFor(chosen, compiler, wanted) };
    throw usageError(what, `${chosen} is no gcc or clang that runs here`, 'give --cc a compiler');
  }
  const kind = wanted?.kind ?? 'gcc';
  const named =
    wanted === undefined
      ? []
      : [...(compilerProgram === undefined ? [] : [compilerProgram]), `${kind}-${wanted.major}`];
  const found: string[] = [];
  for (const program of new Set([...named, kind, 'cc'])) {
    const compiler = await identify(program);
    if (compiler === undefined) continue;
    if (compiler.kind === kind && (wanted === undefined || compiler.major === wanted.major)) {
      return { program, variables: variablesFor(program, compiler, wanted) };
    }
    found.push(`${compiler.kind} ${compiler.major} (${program})`);
  }
  const name = wanted === undefined ? kind : `${kind}-${wanted.major}`;
  const install = compilerCommand((await distributionOf(host)).family, name);
  const other =
    found.length === 0
      ? ''
      : `; or build with another compiler at your own risk: mpu module build --cc ${kind}${host.flags}`;
  throw new MpuError({
    code: found.length === 0 ? 'compiler-missing' : 'compiler-differs',
    what,
    why: `the kernel was built by ${name.replace('-', ' ')}, and here is ${found.length === 0 ? 'no compiler' : `only ${found.join(', ')}`}`,
    next: `${install}${other}`,
    exitCode: ExitCode.hostUnsupported,
  });
}
