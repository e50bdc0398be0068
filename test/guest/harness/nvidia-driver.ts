// SPDX-License-Identifier: GPL-2.0-only
/** The simulated nvidia.ko of `test/guest/modules/nvidia`, which answers as `test/rm-sim` does. */
import { buildModule, type BuiltModule, type ModuleSource } from './build.js';
import type { Kernel } from './kernels.js';

const NVIDIA: ModuleSource = {
  name: 'nvidia',
  directories: { '.': 'test/guest/modules/nvidia', model: 'test/rm-sim/model' },
};

/** How the ioctl entries are called: up to 535 `nvidia_frontend_unlocked_ioctl`, later `nvidia_unlocked_ioctl`. */
export const ENTRIES = ['frontend', 'unlocked'] as const;
export type Entry = (typeof ENTRIES)[number];

/** Builds nvidia.ko for a kernel. Its parameters are described in `test/guest/modules/nvidia/README.md`. */
async function buildDriver(kernel: Kernel, entry: Entry): Promise<BuiltModule> {
  return buildModule(kernel, entry === 'frontend' ? ['FRONTEND=1'] : [], NVIDIA);
}

/** Builds it with each entry; paths by their names in a guest. */
export async function buildDrivers(kernel: Kernel): Promise<{ files: Record<string, string>; warnings: string[] }> {
  const built = await Promise.all(ENTRIES.map((entry) => buildDriver(kernel, entry)));
  return {
    files: Object.fromEntries(built.map(({ path }, index) => [`nvidia-${ENTRIES[index] ?? ''}.ko`, path])),
    warnings: built.flatMap(({ warnings }) => warnings),
  };
}
