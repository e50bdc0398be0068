// SPDX-License-Identifier: GPL-2.0-only
/** The CDI specification file (tags.cncf.io/container-device-interface, SPEC.md) for mpu's devices. */
import { LIBRARY_ROOT, PLATFORM_ENTRY, PRELOAD_FILE } from '../payload/preload-file.js';
import type { HostFiles } from './host-files.js';

/** Vendor and class of the devices. */
export const KIND = 'dev.mpu/preload';

/** Where libmpu.so looks for the PID namespace of the host (preload/environment.c), in a container and out of it. */
export const PIDNS = '/run/mpu/pidns';

/** The lowest version that has all that is used; podman 4.3 refuses anything above 0.5.0. */
const CDI_VERSION = '0.3.0';

interface Mount {
  hostPath: string;
  containerPath: string;
  options: string[];
}

interface ContainerEdits {
  env?: string[];
  mounts?: Mount[];
}

/** A spec, as far as mpu uses it. */
export interface Spec {
  cdiVersion: string;
  kind: string;
  devices: { name: string; containerEdits: ContainerEdits }[];
  containerEdits: ContainerEdits;
}

function readOnly(hostPath: string, containerPath: string, ...more: string[]): Mount {
  return { hostPath, containerPath, options: ['ro', 'nosuid', 'nodev', ...more, 'bind'] };
}

/**
 * The spec: device `all` brings an /etc/ld.so.preload, `env` the variable LD_PRELOAD. Both bring the
 * libraries and, where `pidns` is given, the PID namespace of the host.
 */
export function specFor(files: HostFiles, pidns: string | undefined): Spec {
  return {
    cdiVersion: CDI_VERSION,
    kind: KIND,
    devices: [
      { name: 'all', containerEdits: { mounts: [readOnly(files.preload, PRELOAD_FILE, 'noexec')] } },
      { name: 'env', containerEdits: { env: [`LD_PRELOAD=${PLATFORM_ENTRY}`] } },
    ],
    containerEdits: {
      mounts: [
        readOnly(files.libraries, LIBRARY_ROOT),
        ...(pidns === undefined ? [] : [readOnly(pidns, PIDNS, 'noexec')]),
      ],
    },
  };
}

/** The devices of a spec, as `--device` takes them. */
export function deviceNames({ kind, devices }: Spec): string[] {
  return devices.map(({ name }) => `${kind}=${name}`);
}
