// SPDX-License-Identifier: GPL-2.0-only
/**
 * Unmodified NVIDIA clients, nvidia-smi with its libnvidia-ml, from the distribution's non-free
 * packages. They are NVIDIA's to license: downloaded on demand into a cache, never shipped.
 */
import { access, copyFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PrivateApt, type PackageVersion } from './apt-download.js';
import { debianMirrors, readSystemSources, type AptSource } from './apt-sources.js';
import { publish, withLock, withScratch } from '../system/download-cache.js';
import { ExitCode, messageOf, MpuError } from '../errors.js';
import { makeDirectory } from '../system/make-directory.js';

/** One release of nvidia-smi, ready to run. */
export interface NvidiaClient {
  /** Upstream release, e.g. `535.261.03`. */
  version: string;
  /** Path of the nvidia-smi binary. */
  smi: string;
  /** Directory with libnvidia-ml.so.1, for LD_LIBRARY_PATH. */
  libraries: string;
}

/** Told, one line at a time, what is being downloaded. */
export type Progress = (line: string) => void;

/** Progress lines on stderr when a person is watching, none otherwise. */
export const terminalProgress: Progress = (line) => {
  if (process.stderr.isTTY) process.stderr.write(`${line}\n`);
};

/** The suites that between them hold every release still packaged. */
const DEBIAN_SUITES = ['bullseye', 'bookworm', 'trixie', 'forky', 'sid', 'experimental'];

/**
 * The sources to ask: on a Debian mirror the non-free part of every suite, whichever of them the
 * system itself follows; elsewhere what the system has (Ubuntu's `restricted` holds nvidia-utils).
 */
export function clientSources(system: AptSource[]): AptSource[] {
  const [mirror] = debianMirrors(system);
  if (mirror === undefined) return system;
  return [{ ...mirror, suites: DEBIAN_SUITES, components: ['non-free'] }];
}

/** The package that holds the libnvidia-ml of the same release as a package of nvidia-smi. */
export function libraryPackage(smiPackage: string): string | undefined {
  const debian = /^nvidia-(tesla-(?:\d+-)?)?smi$/.exec(smiPackage);
  if (debian !== null) return `libnvidia-${debian[1] ?? ''}ml1`;
  const ubuntu = /^nvidia-utils-(\d+(?:-server)?)$/.exec(smiPackage);
  if (ubuntu !== null) return `libnvidia-compute-${ubuntu[1] ?? ''}`;
  return undefined;
}

/** The upstream part of a Debian version: no epoch, no revision. */
export function upstreamVersion(version: string): string {
  return version.replace(/^\d+:/, '').replace(/-[^-]*$/, '');
}

const matches = (version: string, wanted: string): boolean => version === wanted || version.startsWith(`${wanted}.`);

/** Compares release numbers field by field, for sorting. */
function compareReleases(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

interface Offer {
  smi: PackageVersion;
  library: PackageVersion;
}

/** The releases that the sources have both packages of; a new one reaches an archive package by package. */
async function offers(apt: PrivateApt): Promise<Map<string, Offer[]>> {
  const names = (await apt.names('nvidia-')).filter((name) => libraryPackage(name) !== undefined);
  const libraries = await apt.versions(names.flatMap((name) => libraryPackage(name) ?? []));
  const byRelease = new Map<string, Offer[]>();
  for (const smi of await apt.versions(names)) {
    const library = libraries.find(({ name, version }) => name === libraryPackage(smi.name) && version === smi.version);
    if (library === undefined) continue;
    const release = upstreamVersion(smi.version);
    // Transitional packages carry the number of a release without its files.
    if (!/^\d+\.\d+/.test(release)) continue;
    byRelease.set(release, [...(byRelease.get(release) ?? []), { smi, library }]);
  }
  return byRelease;
}

async function findFile(root: string, name: string): Promise<string | undefined> {
  const entries = await readdir(root, { recursive: true });
  for (const entry of entries.filter((path) => path.endsWith(`/${name}`)).sort()) {
    const path = join(root, entry);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() === true) return path;
  }
  return undefined;
}

async function cached(root: string): Promise<NvidiaClient[]> {
  const names = await readdir(root).catch((): string[] => []);
  const clients: NvidiaClient[] = [];
  for (const version of names.filter((name) => /^\d/.test(name)).sort(compareReleases)) {
    const libraries = join(root, version, 'lib');
    const smi = join(root, version, 'bin', 'nvidia-smi');
    const complete = await Promise.all([access(smi), access(join(libraries, 'libnvidia-ml.so.1'))]).then(
      () => true,
      () => false,
    );
    if (complete) clients.push({ version, smi, libraries });
  }
  return clients;
}

function downloadFailed(what: string, why: string, cause?: unknown): MpuError {
  const next = 'see that apt can reach its mirrors (apt-get update), then run it again';
  return new MpuError({ code: 'download-failed', what, why, next, cause });
}

/** Puts one release into the cache, from the first offer of it that works. */
async function fetchRelease(
  apt: PrivateApt,
  root: string,
  scratch: string,
  release: string,
  offered: Offer[],
): Promise<void> {
  const failures: string[] = [];
  for (const [index, offer] of offered.entries()) {
    const unpacked = join(scratch, `${release}-${index}`);
    const finished = join(scratch, release);
    try {
      await apt.unpack(offer.smi, unpacked);
      await apt.unpack(offer.library, unpacked);
      const smi = await findFile(unpacked, 'nvidia-smi');
      const library = await findFile(unpacked, 'libnvidia-ml.so.1');
      if (smi === undefined || library === undefined) {
        failures.push(`${offer.smi.name} ${offer.smi.version} holds no nvidia-smi`);
        continue;
      }
      await makeDirectory(join(finished, 'bin'));
      await makeDirectory(join(finished, 'lib'));
      await copyFile(smi, join(finished, 'bin', 'nvidia-smi'));
      await copyFile(library, join(finished, 'lib', 'libnvidia-ml.so.1'));
      await publish(finished, join(root, release));
      return;
    } catch (error) {
      failures.push(messageOf(error));
    }
  }
  throw downloadFailed(`nvidia-smi ${release} cannot be fetched`, failures.join('; '));
}

/** How many releases are tried. A mirror in the middle of an update may lack files of the newest. */
const MAX_TRIED = 2;

/** Fetches the first of the candidates that can be fetched. */
async function fetchFirst(candidates: string[], fetch: (release: string) => Promise<void>): Promise<void> {
  const tried = candidates.slice(0, MAX_TRIED);
  const reasons: string[] = [];
  for (const release of tried) {
    try {
      await fetch(release);
      return;
    } catch (error) {
      if (!(error instanceof MpuError)) throw error;
      reasons.push(error.why);
    }
  }
  throw downloadFailed(`nvidia-smi ${tried.join(' or ')} cannot be fetched`, reasons.join('; '));
}

/** What a download needs to know beyond where it goes. */
export interface FetchOptions {
  /** Told about each download; by default a terminal's stderr is. */
  progress?: Progress;
  /** Package sources to ask; by default those of the system's apt. */
  sources?: AptSource[];
}

/**
 * What `select` finds in the cache; when it finds nothing, first downloads what `choose` names: lists of releases, one
 * release of each.
 * One process at a time downloads; the others wait and then find it done.
 */
async function obtain<T>(
  cacheDirectory: string,
  options: FetchOptions,
  select: (present: NvidiaClient[]) => T | undefined,
  choose: (present: NvidiaClient[], available: string[]) => string[][],
): Promise<T | undefined> {
  const root = join(cacheDirectory, 'nvidia');
  const progress = options.progress ?? terminalProgress;
  const found = select(await cached(root));
  if (found !== undefined) return found;
  return withLock(join(cacheDirectory, 'nvidia.lock'), async () => {
    const made = select(await cached(root));
    if (made !== undefined) return made;
    await withScratch(root, async (scratch) => {
      progress('nvidia-smi: reading package indexes');
      const sources = clientSources(options.sources ?? (await readSystemSources()));
      const apt = await PrivateApt.open(join(scratch, 'apt'), sources);
      const available = await offers(apt);
      const releases = [...available.keys()].sort(compareReleases);
      try {
        for (const candidates of choose(await cached(root), releases)) {
          await fetchFirst(candidates, async (release) => {
            progress(`nvidia-smi ${release}: downloading`);
            await fetchRelease(apt, root, scratch, release, available.get(release) ?? []);
          });
        }
      } catch (error) {
        if (apt.complaints === '' || !(error instanceof MpuError)) throw error;
        // What is missing may be in an index that apt could not fetch.
        const { what, why } = error;
        throw downloadFailed(what, `${why}; apt said: ${apt.complaints}`, error);
      }
    });
    return select(await cached(root));
  });
}

function notOffered(what: string, available: string[]): MpuError {
  return new MpuError({
    code: 'no-nvidia-client',
    what: `${what} cannot be fetched`,
    why: `the apt sources of this machine offer ${available.join(', ') || 'no release at all'}`,
    next: "add a Debian mirror, or on Ubuntu the component 'restricted', to the apt sources and run it again",
    exitCode: ExitCode.hostUnsupported,
  });
}

const newestFirst = (prefix: string, releases: string[]): string[] =>
  releases.filter((release) => matches(release, prefix)).reverse();

/**
 * The asked-for releases of nvidia-smi, from `cacheDirectory`/nvidia or else downloaded into it.
 *
 * @param cacheDirectory - directory that keeps downloads, e.g. `.cache`; made if absent
 * @param wanted - releases, by any leading fields of their number (`535.261`)
 * @returns one client for each of `wanted`, in that order
 * @throws MpuError that names the release and what apt said, when one is not to be had
 */
export async function fetchNvidiaClients(
  cacheDirectory: string,
  wanted: readonly string[],
  options: FetchOptions = {},
): Promise<NvidiaClient[]> {
  const find = (present: NvidiaClient[], prefix: string): NvidiaClient | undefined =>
    present.filter((client) => matches(client.version, prefix)).at(-1);
  const clients = await obtain(
    cacheDirectory,
    options,
    (present) => {
      const chosen = wanted.flatMap((prefix) => find(present, prefix) ?? []);
      return chosen.length === wanted.length ? chosen : undefined;
    },
    (present, available) =>
      wanted
        .filter((prefix) => find(present, prefix) === undefined)
        .map((prefix) => {
          const candidates = newestFirst(prefix, available);
          if (candidates.length === 0) throw notOffered(`nvidia-smi ${prefix}`, available);
          return candidates;
        }),
  );
  if (clients === undefined) throw notOffered(`nvidia-smi ${wanted.join(', ')}`, []);
  return clients;
}

/**
 * Any release of nvidia-smi, for a demonstration: the first of `preferred` (leading fields, as for
 * {@link fetchNvidiaClients}) that is cached, else the newest cached, else the first of `preferred`
 * that the sources offer, else the newest they offer.
 *
 * @throws MpuError when there is none
 */
export async function fetchAnyNvidiaClient(
  cacheDirectory: string,
  preferred: readonly string[],
  options: FetchOptions = {},
): Promise<NvidiaClient> {
  const bestFirst = (releases: string[]): string[] => [
    ...new Set([...preferred.flatMap((prefix) => newestFirst(prefix, releases)), ...[...releases].reverse()]),
  ];
  const client = await obtain(
    cacheDirectory,
    options,
    (present) => {
      const [version] = bestFirst(present.map((candidate) => candidate.version));
      return present.find((candidate) => candidate.version === version);
    },
    (_, available) => {
      if (available.length === 0) throw notOffered('nvidia-smi', available);
      return [bestFirst(available)];
    },
  );
  if (client === undefined) throw notOffered('nvidia-smi', []);
  return client;
}
