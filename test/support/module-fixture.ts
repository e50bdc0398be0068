// SPDX-License-Identifier: GPL-2.0-only
/** A root directory that looks like a system, and programs that stand in for those which change one. */
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { check, mpu, type Ended } from './mpu.js';
import { kernelOf } from '../guest/harness/kernels.js';

/** Series of the kernel whose compiler is this system's. */
const SERIES = '6.1';

/** What a fixture has. */
export interface FixtureOptions {
  /** Files by their path below the root. */
  files?: Record<string, string | Buffer>;
  /** Programs by name, as shell scripts; they come first in PATH. */
  programs?: Record<string, string>;
}

/** A system in a directory. */
export interface Fixture {
  root: string;
  /** Where the programs say how they were called, one call a line. */
  calls: () => Promise<string[]>;
  /** Environment in which the programs are found. */
  env: NodeJS.ProcessEnv;
  /** Every path below the root and the content of files, for comparing; caches of the test's own are left out. */
  snapshot: () => Promise<Record<string, string>>;
  write: (path: string, content: string | Buffer) => Promise<void>;
}

const ALL_CAPABILITIES = 'CapEff:\t000001ffffffffff\n';

/** A system with a running kernel of that release, of Debian, with Secure Boot off. */
export async function makeFixture(directory: string, release: string, options: FixtureOptions = {}): Promise<Fixture> {
  const root = join(directory, 'root');
  const programs = join(directory, 'programs');
  const log = join(directory, 'calls');
  await mkdir(programs, { recursive: true });
  await writeFile(log, '');
  const write = async (path: string, content: string | Buffer): Promise<void> => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  };
  const files = {
    'etc/os-release': 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n',
    'proc/sys/kernel/osrelease': `${release}\n`,
    'etc/modules-load.d/modules.conf': '',
    'etc/modprobe.d/blacklist.conf': '',
    'proc/modules': '',
    'proc/self/status': ALL_CAPABILITIES,
    'sys/kernel/security/lockdown': '[none] integrity confidentiality\n',
    [`lib/modules/${release}/modules.order`]: '',
    ...options.files,
  };
  for (const [path, content] of Object.entries(files)) await write(path, content);
  for (const [name, script] of Object.entries({ depmod: '', ...options.programs })) {
    const text = `#!/bin/sh\necho "${name} $*" >>${log}\nroot=${root}\n${script}\n`;
    await writeFile(join(programs, name), text, { mode: 0o755 });
  }
  const snapshot = async (): Promise<Record<string, string>> => {
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    const found: Record<string, string> = {};
    for (const entry of entries) {
      const path = join(entry.parentPath, entry.name);
      // Headers do not change, and are many.
      if (/\/usr\/(src\/linux|lib\/linux)/.test(path)) continue;
      found[path.slice(root.length)] = entry.isFile() ? await readFile(path, 'latin1') : '';
    }
    return found;
  };
  return {
    root,
    calls: async () => (await readFile(log, 'utf8')).split('\n').filter((line) => line !== ''),
    env: { PATH: `${programs}:${process.env.PATH ?? ''}`, HOME: directory },
    snapshot,
    write,
  };
}

/** The release of the kernel that {@link addHeaders} has headers of. */
export async function headersRelease(): Promise<string> {
  return (await kernelOf(SERIES)).release;
}

/** Puts Debian's headers into a fixture, where its packages put them; under `release`, as those of that kernel. */
export async function addHeaders(root: string, release: string): Promise<void> {
  const kernel = await kernelOf(SERIES);
  const tree = join(dirname(kernel.headers), '..', '..');
  // Links to the same files: they are many, and none is written to below.
  await mkdir(join(root, 'usr'), { recursive: true });
  await check('cp', ['-alf', `${tree}/usr/.`, join(root, 'usr')]);
  const original = join(root, 'usr/src', `linux-headers-${kernel.release}`);
  const place = join(root, 'usr/src', `linux-headers-${release}`);
  if (place !== original) await check('cp', ['-alfT', original, place]);
  const replace = async (name: string, change: (text: string) => string): Promise<void> => {
    const text = await readFile(join(place, name), 'utf8');
    await rm(join(place, name));
    await writeFile(join(place, name), change(text));
  };
  // As in the package: absolute.
  await replace('Makefile', (text) => text.replaceAll(`${tree}/usr/src/`, '/usr/src/'));
  if (place !== original) {
    for (const name of ['include/config/kernel.release', 'include/generated/utsrelease.h']) {
      await replace(name, (text) => text.replaceAll(kernel.release, release));
    }
  }
  await mkdir(join(root, 'lib/modules', release), { recursive: true });
  await symlink(`/usr/src/linux-headers-${release}`, join(root, 'lib/modules', release, 'build'));
}

/** What `mpu module` prints with --json. */
export interface Document {
  ok: boolean;
  command: string;
  error?: { code: string; what: string; why: string; next: string; exitCode: number };
  [field: string]: unknown;
}

/** Runs a verb on a fixture. */
export const verb = (fixture: Fixture, ...args: string[]): Promise<Ended> =>
  mpu(['module', ...args, '--root', fixture.root], { env: fixture.env });

/** Runs a verb on a fixture with --json: one document, and nothing else. */
export async function json(fixture: Fixture, ...args: string[]): Promise<Document & { status: number | null }> {
  const { status, stdout, stderr } = await verb(fixture, ...args, '--json');
  if (stderr !== '') throw new Error(`stderr with --json: ${stderr}`);
  return { ...(JSON.parse(stdout) as Document), status };
}

/** Makes a machine owner key; returns the paths of the key and the certificate. */
export async function makeKey(directory: string): Promise<[key: string, certificate: string]> {
  const [key, certificate] = [join(directory, 'MOK.key'), join(directory, 'MOK.der')];
  await check('openssl', [
    ...['req', '-new', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '3650', '-subj', '/CN=mpu'],
    ...['-keyout', key, '-outform', 'DER', '-out', certificate],
  ]);
  return [key, certificate];
}
