// SPDX-License-Identifier: GPL-2.0-only
/** The libmpu.so for programs of this machine. */
import { join } from 'node:path';
import { packageRoot } from './root.js';

/** Node's names of architectures, and those of libmpu.so. */
const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: 'x86_64', arm64: 'aarch64', ia32: 'i386' };

/** Where a build leaves the libmpu.so for programs of this machine. */
export function nativeLibrary(): string {
  const architecture = ARCHITECTURES[process.arch] ?? process.arch;
  return join(packageRoot, 'build', 'preload', architecture, 'libmpu.so');
}
