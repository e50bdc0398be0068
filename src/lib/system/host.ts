// SPDX-License-Identifier: GPL-2.0-only
/** The system a module is for: the directory that is its root, and one of its kernels. */
import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { join, resolve } from 'node:path';
import { usageError } from '../errors.js';
import { resolveBelow } from './rooted-path.js';
import { readIfPresent } from './regular-file.js';

/** Which system and kernel. */
export interface HostOptions {
  /** Directory that is the root of the system. Default `/`. */
  root?: string;
  /** Release of the kernel, as `uname -r` prints it. Default: the running one. */
  kernel?: string;
}

/** A kernel's release goes into paths and command lines. */
const RELEASE = /^[0-9]+\.[0-9]+[A-Za-z0-9._+~-]*$/;

/** A system and one of its kernels. */
export class Host {
  private constructor(
    /** Absolute path of the system's root directory. */
    readonly root: string,
    /** Release of the kernel that modules are for. */
    readonly kernel: string,
    /** Release of the kernel that runs. */
    readonly running: string,
  ) {}

  /** Looks at a system. Throws an MpuError (usage) for a root that is no directory or a release that is none. */
  static async open(options: HostOptions = {}): Promise<Host> {
    const root = resolve(options.root ?? '/');
    if (!existsSync(join(root, '.'))) {
      throw usageError(
        'cannot find the system',
        `${root} is no directory`,
        'give --root the root directory of a system',
      );
    }
    const kernelFile = (path: string): string => (existsSync(join(root, 'proc/sys')) ? join(root, path) : path);
    const running = ((await readIfPresent(kernelFile('/proc/sys/kernel/osrelease'))) ?? release()).trim();
    const kernel = options.kernel ?? running;
    if (!RELEASE.test(kernel)) {
      throw usageError(
        'cannot find the system',
        `${JSON.stringify(kernel)} is no kernel release`,
        'give --kernel what uname -r prints on it, e.g. 6.1.0-18-amd64',
      );
    }
    return new Host(root, kernel, running);
  }

  /** The same system and another of its kernels. */
  forKernel(kernel: string): Host {
    return new Host(this.root, kernel, this.running);
  }

  get isRunningKernel(): boolean {
    return this.kernel === this.running;
  }

  /** The system this program runs on, not one below another directory. */
  get isThisSystem(): boolean {
    return this.root === '/';
  }

  /** Where a path of the system is seen from here. Links are taken as they are: see {@link resolve}. */
  path(path: string): string {
    return join(this.root, path);
  }

  /**
   * A file below /proc or /sys: that of the root where it is mounted there, else this system's. It is
   * the same kernel, but a container may have less of it.
   */
  kernelFile(path: string): string {
    const mounted = path.startsWith('/proc/') ? 'proc/sys' : 'sys/kernel';
    return existsSync(join(this.root, mounted)) ? this.path(path) : path;
  }

  /** As {@link path}, with all links followed as the system itself would; the last part need not exist. */
  async resolve(path: string): Promise<string> {
    return resolveBelow(this.root, path);
  }

  /** What has to be added to an `mpu` command line to name the same system and kernel. */
  get flags(): string {
    const root = this.isThisSystem ? '' : ` --root ${this.root}`;
    return this.isRunningKernel ? root : `${root} --kernel ${this.kernel}`;
  }
}
