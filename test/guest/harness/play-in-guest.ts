// SPDX-License-Identifier: GPL-2.0-only
/** Plays scenarios of test/nvidia-clients in a guest, under nvidia.ko and with mpu.ko. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NvidiaClient } from '#mpu/lib/nvidia-clients/nvidia-clients.js';
import { packageRoot } from '#mpu/lib/package/root.js';
import { buildModule } from './build.js';
import { runGuest, type GuestResult } from './guest.js';
import type { Kernel } from './kernels.js';
import { Userland } from './userland.js';
import { program as simulatorProgram } from '../../rm-sim/session.js';
import type { DriverObservation, GuestOutcome, GuestPlan, PlayOutcome } from './plan.js';
import { buildDriver, type Entry } from './nvidia-driver.js';

/** Where things are in the guest. */
export const IN_GUEST = {
  module: '/mpu.ko',
  gpuProcess: '/gpu-process',
  /** A probe of test/rm-sim. */
  probe: (name: string): string => `/${name}`,
  driver: (entry: Entry): string => `/${entry}/nvidia.ko`,
  smi: (client: NvidiaClient): string => `/clients/${client.version}/nvidia-smi`,
  libraries: (client: NvidiaClient): string => `/clients/${client.version}/lib`,
};

const ENTRIES: readonly Entry[] = ['frontend', 'unlocked'];
/** What a guest leaves that ends before its time. */
const NOTHING: GuestOutcome = { drivers: [], plays: [] };
/** Room for the outcome. */
const DISK_BYTES = 64 << 20;
const MEMORY_MIB = 1024;
const TIMEOUT_S = 600;

/** What was built and run. */
export interface GuestPlays {
  /** Complaints of the builds. */
  warnings: string[];
  guest: GuestResult;
  /** In the order of the plan; without those that could not be played, which `guest` tells. */
  outcomes: PlayOutcome[];
  drivers: DriverObservation[];
}

/** The programs of this system that scenarios and their player need. */
async function addBase(userland: Userland): Promise<void> {
  await userland.directories('proc', 'sys', 'dev', 'tmp', 'run');
  await userland.addNode();
  await userland.addPrograms('sh', 'cat', 'env', 'insmod', 'mknod', 'mount', 'nsenter', 'rmmod', 'unshare');
  for (const path of ['dist', 'build/native/Release/mpu.node', 'build/test/nvidia-clients', 'package.json']) {
    await userland.add(join(packageRoot, path), join('/mpu', path));
  }
  for (const name of ['cases/examine-driver', 'init/load-driver', 'init/node-init']) {
    const path = `build/test/guest/${name}.js`;
    await userland.add(join(packageRoot, path), join('/mpu', path));
  }
  await userland.init("#!/usr/bin/node\nimport('/mpu/build/test/guest/init/node-init.js');\n");
  await userland.add(simulatorProgram('gpu-process'), IN_GUEST.gpuProcess);
  for (const name of ['probe', 'probe-i386'].filter((each) => existsSync(simulatorProgram(each)))) {
    await userland.add(simulatorProgram(name), IN_GUEST.probe(name));
    await userland.addLibraries(simulatorProgram(name));
  }
}

async function addClient(userland: Userland, client: NvidiaClient): Promise<void> {
  await userland.add(client.smi, IN_GUEST.smi(client));
  await userland.add(client.libraries, IN_GUEST.libraries(client));
  await userland.addLibraries(client.smi);
  await userland.addLibraries(join(client.libraries, 'libnvidia-ml.so.1'));
}

/**
 * Builds both modules for a kernel and carries out a plan in a guest.
 *
 * @param clients - releases that the plan's commands name, by the paths of {@link IN_GUEST}
 * @param files - further files of this system that they name, by their path in the guest
 */
export async function playInGuest(
  kernel: Kernel,
  plan: GuestPlan,
  clients: readonly NvidiaClient[],
  files: Readonly<Record<string, string>>,
): Promise<GuestPlays> {
  const scratch = await mkdtemp(join(tmpdir(), 'mpu-guest-'));
  try {
    const userland = new Userland(join(scratch, 'tree'));
    await addBase(userland);
    for (const client of clients) await addClient(userland, client);
    for (const [path, source] of Object.entries(files)) await userland.add(source, path);
    const module = await buildModule(kernel);
    await userland.add(module.path, IN_GUEST.module);
    const warnings = [...module.warnings];
    for (const entry of ENTRIES) {
      const driver = await buildDriver(kernel, entry);
      await userland.add(driver.path, IN_GUEST.driver(entry));
      warnings.push(...driver.warnings);
    }
    await writeFile(join(userland.tree, 'plan.json'), JSON.stringify(plan));
    const initramfs = join(scratch, 'initramfs');
    await userland.pack(initramfs);
    const disk = join(scratch, 'disk');
    await writeFile(disk, `${JSON.stringify(NOTHING)}\n`);
    await truncate(disk, DISK_BYTES);
    const guest = await runGuest(kernel, initramfs, { timeout: TIMEOUT_S, memory: MEMORY_MIB, disk });
    const [line = ''] = (await readFile(disk, 'utf8')).split('\n', 1);
    const { plays, drivers } = JSON.parse(line) as GuestOutcome;
    return { warnings, guest, outcomes: plays, drivers };
  } finally {
    await rm(scratch, { recursive: true });
  }
}
