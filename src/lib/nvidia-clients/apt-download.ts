// SPDX-License-Identifier: GPL-2.0-only
/**
 * Single packages from the archive, fetched and verified by the system's apt but with lists, cache
 * and package status of its own: nothing is installed, no system state is read or written, and no
 * privilege is needed. Proxies, certificates and credentials stay those of the system.
 */
import { execFile } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../errors.js';
import { PAUSES, retry } from '../system/retry.js';
import type { AptSource } from './apt-sources.js';
import { makeDirectory } from '../system/make-directory.js';

const run = promisify(execFile);

/** A package version that some source offers. */
export interface PackageVersion {
  name: string;
  /** Full Debian version, epoch and revision included. */
  version: string;
}

const stderrOf = (error: unknown): string =>
  error instanceof Error && 'stderr' in error && typeof error.stderr === 'string' && error.stderr.trim() !== ''
    ? error.stderr.trim()
    : messageOf(error);

function deb822(source: AptSource, architecture: string): string {
  const lines = [
    'Types: deb',
    `URIs: ${source.uris.join(' ')}`,
    `Suites: ${source.suites.join(' ')}`,
    ...(source.components.length > 0 ? [`Components: ${source.components.join(' ')}`] : []),
    `Architectures: ${architecture}`,
    // The index of packages alone; appstream and friends add others to the defaults.
    'Targets: Packages',
    // sid and experimental expire within days on a mirror that was frozen.
    'Check-Valid-Until: no',
  ];
  if (source.signedBy !== undefined) lines.push(`Signed-By: ${source.signedBy}`);
  if (source.trusted) lines.push('Trusted: yes');
  return lines.join('\n') + '\n';
}

// With -c, unlike APT_CONFIG, the file is read after the system's configuration and so wins.
function callApt(
  directory: string,
  program: 'apt-get' | 'apt-cache',
  args: string[],
  cwd = directory,
): Promise<{ stdout: string; stderr: string }> {
  return run(program, ['-c', join(directory, 'apt.conf'), ...args], {
    cwd,
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
    maxBuffer: 64 << 20,
  });
}

/** What apt says about a mirror that does not answer or is overloaded. */
const DOWN =
  /Could not (connect|resolve)|Cannot initiate the connection|Unable to connect|Temporary failure|[Cc]onnection (refused|timed out|reset|failed)|\b(429|50[0-4]) /;

/** True when apt, or a program that runs it, failed because a mirror does not answer for the moment. */
export const isMirrorDown = (said: string): boolean => DOWN.test(said);

/** What it says about indexes while they are replaced on the mirror. */
const IN_UPDATE = /Hash Sum mismatch|unexpected size/;

/**
 * Calls `work` until it succeeds or a minute has passed; an administrator may have set fewer retries. apt's own are of no
 * use here: it does not connect again to an address that has refused once.
 */
async function patiently<T>(work: () => Promise<T>, passes: (said: string) => boolean = isMirrorDown): Promise<T> {
  const { stdout } = await run('apt-config', ['shell', 'RETRIES', 'Acquire::Retries']);
  const retries = /^RETRIES='(\d+)'$/m.exec(stdout)?.[1];
  return retry(
    work,
    (error) => passes(stderrOf(error)),
    PAUSES.slice(0, retries === undefined ? undefined : Number(retries)),
  );
}

/** Fetches the package indexes; returns what apt said about those that it could not fetch. */
async function update(directory: string): Promise<string> {
  try {
    await patiently(
      async () => {
        const { stderr } = await callApt(directory, 'apt-get', ['-q', 'update']);
        // A mirror that does not answer is a warning for apt, a suite that is not there an error.
        if (stderr.trim() !== '') throw new Error(stderr.trim());
      },
      (said) => isMirrorDown(said) || IN_UPDATE.test(said),
    );
    return '';
  } catch (error) {
    return stderrOf(error);
  }
}

/** apt with a private state directory and its own list of sources. */
export class PrivateApt {
  private constructor(
    private readonly directory: string,
    /** What apt said about sources that it could not fetch; empty when it fetched all. */
    readonly complaints: string,
  ) {}

  /**
   * Sets up the private state below `directory` (made if absent, left for the caller to remove)
   * and fetches the package indexes of `sources`. A source that cannot be fetched is left out, or
   * keeps the index that `directory` has of it.
   *
   * @param architecture - dpkg's name of the packages' architecture, e.g. `amd64`; this machine's unless given
   */
  static async open(directory: string, sources: AptSource[], architecture?: string): Promise<PrivateApt> {
    const packages = architecture ?? (await run('dpkg', ['--print-architecture'])).stdout.trim();
    for (const part of ['sources', 'state/lists/partial', 'cache/archives/partial']) {
      await makeDirectory(join(directory, part));
    }
    await writeFile(join(directory, 'status'), '');
    const stanzas = sources.map((source) => deb822(source, packages));
    await writeFile(join(directory, 'sources', 'mpu.sources'), stanzas.join('\n'));
    const cleared = [
      'APT::Architectures',
      'APT::Default-Release',
      'APT::Update::Pre-Invoke',
      'APT::Update::Post-Invoke',
      'APT::Update::Post-Invoke-Success',
      'Acquire::Languages',
    ];
    const settings = {
      'APT::Architecture': packages,
      'APT::Architectures': packages,
      // The sandbox user could not write below a home directory.
      'APT::Sandbox::User': 'root',
      'Acquire::Languages': 'none',
      'Acquire::Retries': '0',
      'Dir::Cache': join(directory, 'cache'),
      'Dir::Cache::archives': join(directory, 'cache', 'archives/'),
      'Dir::Cache::pkgcache': '',
      'Dir::Cache::srcpkgcache': '',
      'Dir::Etc::preferences': '/dev/null',
      'Dir::Etc::preferencesparts': '/dev/null',
      'Dir::Etc::sourcelist': '/dev/null',
      'Dir::Etc::sourceparts': join(directory, 'sources'),
      'Dir::State': join(directory, 'state'),
      'Dir::State::lists': join(directory, 'state', 'lists/'),
      'Dir::State::status': join(directory, 'status'),
    };
    const config = [
      ...cleared.map((name) => `#clear ${name};`),
      ...Object.entries(settings).map(([name, value]) => `${name} "${value}";`),
    ];
    await writeFile(join(directory, 'apt.conf'), config.join('\n') + '\n');
    return new PrivateApt(directory, await update(directory));
  }

  private async call(program: 'apt-get' | 'apt-cache', args: string[], cwd = this.directory): Promise<string> {
    return (await callApt(this.directory, program, args, cwd)).stdout;
  }

  /** Names of all packages that begin with `prefix`. */
  async names(prefix: string): Promise<string[]> {
    return (await this.call('apt-cache', ['pkgnames', prefix])).split('\n').filter((name) => name !== '');
  }

  /** Every version of the named packages that the sources offer, newest first for each name. */
  async versions(names: string[]): Promise<PackageVersion[]> {
    if (names.length === 0) return [];
    const found: PackageVersion[] = [];
    for (const line of (await this.call('apt-cache', ['madison', ...names])).split('\n')) {
      const [name = '', version = ''] = line.split('|').map((field) => field.trim());
      if (version !== '') found.push({ name, version });
    }
    return found;
  }

  /** Downloads one package, checked against the signed index, and unpacks it into `target`. */
  async unpack(wanted: PackageVersion, target: string): Promise<void> {
    const downloads = join(this.directory, 'download', `${wanted.name}_${wanted.version}`);
    await makeDirectory(downloads);
    try {
      await patiently(() => this.call('apt-get', ['-q', 'download', `${wanted.name}=${wanted.version}`], downloads));
      await unpackAll(downloads, target);
    } catch (error) {
      throw new Error(`apt cannot download ${wanted.name} ${wanted.version}: ${stderrOf(error)}`, { cause: error });
    }
  }

  /** Downloads the newest version of each package and unpacks all into `target`. */
  async unpackNewest(names: readonly string[], target: string): Promise<void> {
    const versions = await this.versions([...names]);
    for (const name of names) {
      const newest = versions.find((candidate) => candidate.name === name);
      if (newest === undefined) {
        throw new Error(`apt finds no package ${name}${this.complaints === '' ? '' : `; it said: ${this.complaints}`}`);
      }
      await this.unpack(newest, target);
    }
  }

  /** Downloads one package with everything it depends on, libc included, and unpacks all into `target`. */
  async unpackWithDependencies(wanted: PackageVersion, target: string): Promise<void> {
    try {
      const options = ['-q', '-y', '--no-install-recommends', '--download-only'];
      await patiently(() => this.call('apt-get', [...options, 'install', `${wanted.name}=${wanted.version}`]));
      await unpackAll(join(this.directory, 'cache', 'archives'), target);
    } catch (error) {
      throw new Error(`apt cannot download ${wanted.name} ${wanted.version}: ${stderrOf(error)}`, { cause: error });
    }
  }
}

async function unpackAll(archives: string, target: string): Promise<void> {
  await makeDirectory(target);
  for (const name of await readdir(archives)) {
    if (name.endsWith('.deb')) await run('dpkg-deb', ['-x', join(archives, name), target]);
  }
}
