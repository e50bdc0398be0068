// SPDX-License-Identifier: GPL-2.0-only
/** What of mpu there is on this host, or in this container, at a glance. */
import { findContainers } from './containers/containers.js';
import { isOnHost, pidnsPath } from './containers/processes.js';
import type { Runtime } from './containers/cgroup.js';
import { hasLibrary } from './doctor/container-context.js';
import { cdiSpecifications, findRuntimes, type RuntimeState } from './doctor/runtime-checks.js';
import { findDriver, type Driver } from './driver/driver.js';
import { Host } from './system/host.js';
import { loadedModule, type LoadedModule } from './module/loaded-module.js';
import { pidnsState, type PidnsState } from './containers/pidns-file.js';
import { version } from './package/version.js';

/** A running container. */
export interface ContainerStatus {
  id: string;
  label: string;
  runtime: Runtime;
  /** Whether libmpu.so is loaded in a program of it; undefined where that may not be looked at. */
  injected?: boolean;
}

/** The state of mpu. */
export interface Status {
  version: string;
  place: 'host' | 'container';
  driver?: Driver;
  module: LoadedModule;
  pidns: { path: string; state: PidnsState };
  /** Paths of CDI specifications that name libmpu.so. */
  cdi: string[];
  /** Of the host alone. */
  runtimes: RuntimeState[];
  containers: ContainerStatus[];
}

/** Looks at everything. Changes nothing; without root it sees less. */
export async function findStatus(): Promise<Status> {
  const onHost = isOnHost();
  const [driver, path] = [await findDriver(), pidnsPath()];
  const containers = onHost ? await findContainers() : [];
  return {
    version,
    place: onHost ? 'host' : 'container',
    ...(driver === undefined ? {} : { driver }),
    module: await loadedModule(await Host.open()),
    pidns: { path, state: pidnsState(path) },
    cdi: cdiSpecifications('libmpu.so'),
    runtimes: onHost ? await findRuntimes() : [],
    containers: containers.map(({ id, label, runtime, processes }) => {
      const injected = hasLibrary(processes.map(({ pid }) => pid));
      return { id, label, runtime, ...(injected === undefined ? {} : { injected }) };
    }),
  };
}
