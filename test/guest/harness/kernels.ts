// SPDX-License-Identifier: GPL-2.0-only
/** Debian's kernels, image and headers, kept in `.cache/kernels`. */
import { execFile } from 'node:child_process';
import { mkdirSync, realpathSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PrivateApt } from '#mpu/lib/nvidia-clients/apt-download.js';
import { publish, withLock, withScratch } from '#mpu/lib/system/download-cache.js';
import { messageOf } from '#mpu/lib/errors.js';
import { packageRoot } from '#mpu/lib/package/root.js';
import { openSuites, unpackFromDebian, type Suites } from '../../support/debian-packages.js';
import { kernelsAmong, type Flavour, type IncompleteKernel, type KernelPackages } from './kernel-packages.js';

const run = promisify(execFile);

/** Name of an architecture as the kernel and QEMU spell it. */
export type Architecture = 'x86_64' | 'aarch64';

/** A kernel that modules can be built for and that QEMU can boot. */
export interface Kernel {
  /** Release as `uname -r` prints it. */
  release: string;
  architecture: Architecture;
  /** Path of the boot image. */
  image: string;
  /** Path of the directory to give to `make -C`. */
  headers: string;
  /** Further variables for make where the kernel was built with some, such as `LLVM=1`. */
  make?: readonly string[];
  /** Options of its configuration, for one that was built from a source tree. */
  config?: ReadonlyMap<string, string>;
}

const TRIXIE: Suites = ['trixie', 'trixie-backports', 'trixie-security'];

/** Suites with recent libraries. */
export const RECENT: readonly Suites[] = [TRIXIE, ['forky'], ['sid']];

/**
 * Suites with a series, the preferred first; the next are for the day when the preferred ones have left the mirror or have
 * moved on to a newer series. Each names as few suites as possible, since apt reads all of their indexes at every call.
 */
const SUITES: Record<Series, readonly [Suites, ...Suites[]]> = {
  '5.10': [['bullseye-security'], ['bullseye']],
  '6.1': [['bookworm', 'bookworm-security'], ['bullseye-security']],
  '6.12': [TRIXIE, ['bookworm-backports', 'bookworm-security']],
  '7.2': [TRIXIE, ['forky', 'sid']],
  '7.3': [TRIXIE, ['forky', 'sid', 'experimental']],
};

/** The kernels that mpu.ko is built and run on, oldest first: one for each era of kernel interfaces. */
export const SERIES = ['5.10', '6.1', '6.12', '7.2', '7.3'] as const;
export type Series = (typeof SERIES)[number];

const DEBIAN_ARCHITECTURE: Record<Architecture, string> = { x86_64: 'amd64', aarch64: 'arm64' };
const root = ((): string => {
  const directory = join(packageRoot, '.cache', 'kernels');
  mkdirSync(directory, { recursive: true });
  // Headers name their own place, and several checkouts can share one cache by a link.
  return realpathSync(directory);
})();

/** Where kernels are kept. */
export const kernelCache = root;

/** Directory with apt's indexes. They are kept, so that fetching the next kernel need not load them again. */
const aptState = (cache: string): string => join(cache, 'apt');

/**
 * Unpacks the newest version of packages for an architecture from the first of the suites that has them all. Call it under
 * the lock of {@link kernelCache}.
 */
export async function unpackPackages(
  choices: readonly Suites[],
  names: readonly string[],
  architecture: Architecture,
  target: string,
): Promise<void> {
  await unpackFromDebian(choices, names, target, aptState(root), DEBIAN_ARCHITECTURE[architecture]);
}

async function isElf(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.toString('latin1') === '\x7fELF';
  } finally {
    await file.close();
  }
}

/** Makes the programs below `directory` run with a newer C library where this system's is too old. */
async function adaptTools(directory: string, scratch: string): Promise<void> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((candidate) => candidate.isFile() && !candidate.name.endsWith('.o'))) {
    const path = join(entry.parentPath, entry.name);
    if (!(await isElf(path))) continue;
    const runsHere = await run('ldd', [path]).then(
      ({ stdout }) => !stdout.includes('not found'),
      () => false,
    );
    if (runsHere) continue;
    const libraries = await fetchToolLibraries(scratch);
    const loader = join(libraries, 'ld-linux-x86-64.so.2');
    await rename(path, `${path}.elf`);
    const script = `#!/bin/sh\nexec ${loader} --library-path ${libraries} --argv0 "$0" ${path}.elf "$@"\n`;
    await writeFile(path, script, { mode: 0o755 });
  }
}

/** The libraries that the Kbuild tools of newer Debian releases link with. */
async function fetchToolLibraries(scratch: string): Promise<string> {
  const place = join(root, 'libraries');
  if (
    await readdir(place).then(
      () => true,
      () => false,
    )
  )
    return place;
  const unpacked = join(scratch, 'libraries');
  const names = ['libc6', 'libelf1t64', 'zlib1g', 'libzstd1', 'libssl3t64'];
  await unpackPackages(RECENT, names, 'x86_64', unpacked);
  const finished = join(scratch, 'flat');
  await mkdir(finished);
  for (const directory of ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu']) {
    const source = join(unpacked, directory);
    for (const name of await readdir(source).catch((): string[] => [])) {
      if (/\.so(\.|$)/.test(name)) await rename(join(source, name), join(finished, name));
    }
  }
  await publish(finished, place);
  return place;
}

/** Headers refer to each other by the absolute paths they would be installed at. */
async function relocateHeaders(tree: string, place: string): Promise<void> {
  const sources = join(tree, 'usr', 'src');
  for (const name of (await readdir(sources)).filter((entry) => entry.startsWith('linux-headers-'))) {
    const makefile = join(sources, name, 'Makefile');
    const text = await readFile(makefile, 'utf8');
    await writeFile(makefile, text.replace(/(^|[ =])\/usr\/src\//gm, `$1${place}/usr/src/`));
  }
}

/** A kernel that was asked for. */
interface Wanted {
  series: Series;
  architecture: Architecture;
  flavour: Flavour;
  /** Path of the directory that keeps kernels. */
  cache: string;
}

/** Unpacks a kernel and publishes it at `place`. Programs of the kernel's build run here, so they come from `tools`. */
async function unpackKernel(
  packages: KernelPackages,
  { apt, tools }: Record<'apt' | 'tools', PrivateApt>,
  place: string,
  scratch: string,
): Promise<void> {
  const tree = join(scratch, 'tree');
  const imageTree = join(scratch, 'image');
  await apt.unpackNewest([packages.headers, packages.common], tree);
  await tools.unpackNewest([packages.kbuild], tree);
  await apt.unpackNewest([packages.image], imageTree);
  const image = (await readdir(imageTree, { recursive: true })).find((path) => /(^|\/)vmlinuz[^/]*$/.test(path));
  if (image === undefined) throw new Error(`${packages.image} holds no vmlinuz`);
  await rename(join(imageTree, image), join(tree, 'vmlinuz'));

  await rm(join(tree, 'usr', 'share'), { recursive: true, force: true });
  await relocateHeaders(tree, place);
  await adaptTools(join(tree, 'usr', 'lib'), scratch);
  // Scripts name the programs by path, which changes when the tree moves into place.
  await run('sh', ['-c', `grep -rlIF "$1" "$1/usr/lib" | xargs -r sed -i "s#$1#$2#g"`, 'sh', tree, place]);
  await writeFile(join(tree, 'release'), packages.release);
  await writeFile(join(tree, 'place'), place);
  await publish(tree, place);
}

/** How many kernels of one archive are tried. A mirror in the middle of an update may lack files of the newest. */
const MAX_TRIED = 2;

const describe = ({ release, missing }: IncompleteKernel): string => `${release} lacks ${missing.join(' and ')}`;

/** Fetches a kernel from some suites. Returns undefined when it succeeds, otherwise the reason why not. */
async function fetchFrom(suites: Suites, wanted: Wanted, place: string, scratch: string): Promise<string | undefined> {
  const { series, architecture, flavour, cache } = wanted;
  const debian = DEBIAN_ARCHITECTURE[architecture];
  const apt = await openSuites(aptState(cache), suites, debian);
  const tools = architecture === 'x86_64' ? apt : await openSuites(aptState(cache), suites, DEBIAN_ARCHITECTURE.x86_64);
  const { complete, incomplete } = kernelsAmong(await apt.names('linux-'), series, flavour, debian);
  const reasons = incomplete.map(describe);
  for (const [index, packages] of complete.slice(0, MAX_TRIED).entries()) {
    try {
      await unpackKernel(packages, { apt, tools }, place, join(scratch, `${suites.join('-')}-${index}`));
      return undefined;
    } catch (error) {
      reasons.push(`${packages.release}: ${messageOf(error)}`);
    }
  }
  if (reasons.length === 0) reasons.push('no headers of such a kernel');
  if (apt.complaints !== '') reasons.push(`apt said: ${apt.complaints}`);
  return `${suites.join(', ')}: ${reasons.join('; ')}`;
}

async function fetchKernel(wanted: Wanted, place: string, scratch: string): Promise<void> {
  const reasons: string[] = [];
  for (const suites of SUITES[wanted.series]) {
    const reason = await fetchFrom(suites, wanted, place, scratch);
    if (reason === undefined) return;
    reasons.push(reason);
    process.stderr.write(`kernel ${wanted.series}: not in ${reason}\n`);
  }
  const { series, flavour, architecture } = wanted;
  throw new Error(`no ${flavour} kernel ${series} for ${architecture} can be fetched\n${reasons.join('\n')}`);
}

/**
 * A kernel of the series, from the cache or else downloaded (30 to 70 MB) and unpacked into it.
 * Throws when apt offers none.
 */
export async function kernelOf(
  series: Series,
  architecture: Architecture = 'x86_64',
  flavour: Flavour = 'cloud',
  cache = root,
): Promise<Kernel> {
  const place = join(cache, architecture, flavour === 'cloud' ? series : `${series}-${flavour}`);
  const read = (name: string): Promise<string | undefined> =>
    readFile(join(place, name), 'utf8').catch(() => undefined);
  // One that was moved with its checkout is of no use: its headers name the old place.
  const release = async (): Promise<string | undefined> =>
    (await read('place')) === place ? read('release') : undefined;
  if ((await release()) === undefined) {
    await withLock(join(cache, 'lock'), async () => {
      if ((await release()) !== undefined) return;
      await withScratch(cache, (scratch) => fetchKernel({ series, architecture, flavour, cache }, place, scratch));
    });
  }
  const found = await release();
  if (found === undefined) throw new Error(`kernel ${series} did not arrive in ${place}`);
  return {
    release: found,
    architecture,
    image: join(place, 'vmlinuz'),
    headers: join(place, 'usr', 'src', `linux-headers-${found}`),
  };
}

/** Path of the kernel's own checkpatch.pl, from the cache or else from a package with kernel sources (140 MB). */
export async function checkpatch(): Promise<string> {
  const place = join(root, 'checkpatch');
  const script = join(place, 'checkpatch.pl');
  const present = (): Promise<boolean> =>
    readdir(place).then(
      () => true,
      () => false,
    );
  if (await present()) return script;
  await withLock(join(root, 'lock'), async () => {
    if (await present()) return;
    await withScratch(root, async (scratch) => {
      const source = join(scratch, 'source');
      await unpackPackages(SUITES['6.1'], ['linux-source-6.1'], 'x86_64', source);
      const finished = join(scratch, 'checkpatch');
      await mkdir(finished);
      const names = ['checkpatch.pl', 'spelling.txt', 'const_structs.checkpatch'];
      await run('tar', [
        '-xJf',
        join(source, 'usr', 'src', 'linux-source-6.1.tar.xz'),
        '-C',
        finished,
        '--strip-components=2',
        ...names.map((name) => `linux-source-6.1/scripts/${name}`),
      ]);
      await publish(finished, place);
    });
  });
  return script;
}
