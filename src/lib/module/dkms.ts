// SPDX-License-Identifier: GPL-2.0-only
/** DKMS, which builds modules again at every kernel update. */
import { existsSync } from 'node:fs';
import { MpuError, throwIfInterrupted } from '../errors.js';
import type { Host } from '../system/host.js';
import { readIfPresent } from '../system/regular-file.js';
import { findProgram, lastLines, runProgram } from '../system/program.js';

/** A version of mpu that DKMS knows, and for which kernel; `kernel` is undefined when it was only added. */
export interface DkmsEntry {
  version: string;
  kernel?: string;
  state: string;
}

/** What `dkms status mpu` prints, by DKMS 2 (`mpu, 1.0, KERNEL, ARCH: installed`) or 3 (`mpu/1.0, ...`). */
export function parseDkmsStatus(text: string): DkmsEntry[] {
  const entries: DkmsEntry[] = [];
  for (const line of text.split('\n')) {
    const match = /^mpu(?:\/|, )([^,:\s]+)(?:, ([^,:\s]+), [^,:\s]+)?: (\w+)/.exec(line.trim());
    if (match === null) continue;
    const [, version = '', kernel, state = ''] = match;
    entries.push({ version, state, ...(kernel === undefined ? {} : { kernel }) });
  }
  return entries;
}

/** DKMS of a system. On another root it is that system's own, run by chroot: it keeps absolute paths. */
export class Dkms {
  private constructor(private readonly host: Host) {}

  /** The DKMS of the system; undefined when it has none. */
  static async find(host: Host): Promise<Dkms | undefined> {
    const present = host.isThisSystem
      ? (await findProgram('dkms')) !== undefined
      : ['/usr/sbin/dkms', '/usr/bin/dkms', '/sbin/dkms'].some((path) => existsSync(host.path(path)));
    return present ? new Dkms(host) : undefined;
  }

  async #run(args: readonly string[], what: string, signal?: AbortSignal): Promise<string> {
    const [program = '', ...operands] = this.host.isThisSystem
      ? ['dkms', ...args]
      : ['chroot', this.host.root, 'dkms', ...args];
    const result = await runProgram(program, operands, what, { signal });
    throwIfInterrupted(signal);
    if (result.status === 0) return result.stdout.toString();
    const log = /\S*make\.log/.exec(`${result.stdout.toString()}\n${result.stderr}`)?.[0];
    throw new MpuError({
      code: 'dkms-failed',
      what,
      why: `dkms ${args[0] ?? ''} failed: ${lastLines(result)}`,
      next:
        log === undefined
          ? 'run it again with --no-dkms, or see what DKMS lacks: dkms status'
          : `read ${this.host.path(log)}`,
    });
  }

  /** The directory in which DKMS keeps all that it knows of mpu. */
  async directory(): Promise<string> {
    const settings = (await readIfPresent(await this.host.resolve('/etc/dkms/framework.conf'))) ?? '';
    const tree = /^dkms_tree=["']?([^"'\n]+)/m.exec(settings)?.[1] ?? '/var/lib/dkms';
    return this.host.resolve(`${tree}/mpu`);
  }

  /** All versions of mpu and their kernels. */
  async status(): Promise<DkmsEntry[]> {
    return parseDkmsStatus(await this.#run(['status', 'mpu'], 'cannot ask DKMS'));
  }

  /** Registers the sources in /usr/src/mpu-VERSION. */
  async add(version: string): Promise<void> {
    await this.#run(['add', '-m', 'mpu', '-v', version], 'cannot add mpu to DKMS');
  }

  /** Builds for one kernel; nothing that is installed changes. */
  async build(version: string, kernel: string, signal?: AbortSignal): Promise<void> {
    await this.#run(
      ['build', '-m', 'mpu', '-v', version, '-k', kernel],
      `cannot build mpu.ko for kernel ${kernel} with DKMS`,
      signal,
    );
  }

  /** Installs what was built for one kernel. DKMS leaves a module alone that is there already in this or a later version. */
  async install(version: string, kernel: string, signal?: AbortSignal): Promise<void> {
    await this.#run(
      ['install', '-m', 'mpu', '-v', version, '-k', kernel],
      `cannot install mpu.ko for kernel ${kernel} with DKMS`,
      signal,
    );
  }

  /** Takes one kernel's module away, or without `kernel` all and the registration. */
  async remove(version: string, kernel?: string): Promise<void> {
    const which = kernel === undefined ? ['--all'] : ['-k', kernel];
    await this.#run(['remove', '-m', 'mpu', '-v', version, ...which], 'cannot remove mpu from DKMS');
  }
}
