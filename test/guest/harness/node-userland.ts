// SPDX-License-Identifier: GPL-2.0-only
/** The one userland of all guests that run node: programs, mpu as it is installed, and nvidia-smi. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchNvidiaClients, type NvidiaClient } from '#mpu/lib/nvidia-clients/nvidia-clients.js';
import { packageRoot } from '#mpu/lib/package/root.js';
import { CACHE, LIBMPU } from '../../nvidia-clients/harness.js';
import { program as simulatorProgram } from '../../rm-sim/session.js';
import type { Entry } from './nvidia-driver.js';
import { Userland } from './userland.js';

/** Releases of nvidia-smi on both sides of each change of the structures that mpu knows of. */
const RELEASES = ['470.256', '535.261', '550.163'];

/** Where things are in the guest. */
export const IN_GUEST = {
  module: '/mpu.ko',
  libmpu: '/usr/lib/mpu/libmpu.so',
  gpuProcess: '/gpu-process',
  /** A probe of test/rm-sim. */
  probe: (name: string): string => `/${name}`,
  driver: (entry: Entry): string => `/nvidia-${entry}.ko`,
  smi: (client: NvidiaClient): string => `/clients/${client.version}/nvidia-smi`,
  libraries: (client: NvidiaClient): string => `/clients/${client.version}/lib`,
};

/** What tests, and mpu in the guest, start. */
const PROGRAMS = [
  'cat',
  'chroot',
  'cp',
  'depmod',
  'dmesg',
  'env',
  'flock',
  'insmod',
  'mknod',
  'mount',
  'nsenter',
  'rmmod',
];
const DIRECTORIES = ['proc', 'sys', 'dev', 'tmp', 'run', 'var', 'root', 'etc/modules-load.d'];

/** The programs of this machine that guests with node are made with. */
export const NODE_TOOLS = ['qemu-system-x86_64', 'make', 'gcc', 'setpriv', 'cpio', ...PROGRAMS];

/** The clients that the userland has. */
export const guestClients = (): Promise<NvidiaClient[]> => fetchNvidiaClients(CACHE, RELEASES);

/** Programs of test/rm-sim that were built here: the 32-bit one needs libraries that not every machine has. */
export const guestProbes = (): string[] => ['probe', 'probe-i386'].filter((name) => existsSync(simulatorProgram(name)));

/** Adds mpu as it is installed from its package, with what it depends on, and the tests that run in the guest. */
async function addPackage(userland: Userland): Promise<void> {
  for (const path of ['dist', 'kernel', 'package.json', 'build/native/Release/mpu.node']) {
    await userland.add(join(packageRoot, path), join('/mpu', path));
  }
  for (const path of ['guest/init', 'guest/cases', 'nvidia-clients']) {
    await userland.add(join(packageRoot, 'build/test', path), join('/mpu/build/test', path));
  }
  const dependencies = async (manifest: string): Promise<string[]> =>
    Object.keys(
      (JSON.parse(await readFile(manifest, 'utf8')) as { dependencies?: Record<string, string> }).dependencies ?? {},
    );
  const wanted = await dependencies(join(packageRoot, 'package.json'));
  for (const name of wanted) {
    const source = join(packageRoot, 'node_modules', name);
    await userland.add(source, join('/mpu/node_modules', name));
    for (const dependency of await dependencies(join(source, 'package.json')))
      if (!wanted.includes(dependency)) wanted.push(dependency);
  }
}

async function addClient(userland: Userland, client: NvidiaClient): Promise<void> {
  await userland.add(client.smi, IN_GUEST.smi(client));
  await userland.add(client.libraries, IN_GUEST.libraries(client));
  await userland.addLibraries(client.smi);
  await userland.addLibraries(join(client.libraries, 'libnvidia-ml.so.1'));
}

/** Returns the path of the userland's archive. */
export async function nodeUserland(): Promise<string> {
  const userland = new Userland();
  userland.directories(...DIRECTORIES);
  await userland.addNode();
  await userland.addPrograms('sh', 'setpriv', 'unshare', ...PROGRAMS);
  await addPackage(userland);
  await userland.add(LIBMPU, IN_GUEST.libmpu);
  await userland.add(simulatorProgram('gpu-process'), IN_GUEST.gpuProcess);
  for (const name of guestProbes()) {
    await userland.add(simulatorProgram(name), IN_GUEST.probe(name));
    await userland.addLibraries(simulatorProgram(name));
  }
  for (const client of await guestClients()) await addClient(userland, client);
  return userland.archive();
}
