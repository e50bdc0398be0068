// SPDX-License-Identifier: GPL-2.0-only
/** In which container a process is, by the names that runtimes give to cgroups. */

/** Who made a container. `cri` is a Kubernetes node's runtime where the cgroup does not say which. */
export type Runtime = 'docker' | 'podman' | 'containerd' | 'cri-o' | 'cri' | 'lxc' | 'systemd-nspawn' | 'unknown';

/** A container as its cgroup names it. */
export interface CgroupIdentity {
  runtime: Runtime;
  /** Full id; of lxc and systemd-nspawn the name. */
  id: string;
}

const PREFIXES: Record<string, Runtime> = {
  docker: 'docker',
  libpod: 'podman',
  'libpod-payload': 'podman',
  crio: 'cri-o',
  'cri-containerd': 'containerd',
  nerdctl: 'containerd',
};

/** `docker-ID.scope` (systemd), `libpod-ID` (cgroupfs), `kubepods-podUID.slice:cri-containerd:ID`. */
const PREFIXED = /^(?:.*:)?([a-z-]+)[-:]([0-9a-f]{64})(?:\.scope)?$/;
const BARE = /^[0-9a-f]{64}$/;
/** Static pods have a hash in the place of a UUID. */
const POD = /^pod[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/;

/** Reads one part of a cgroup's path; `parent` is the part before it. */
function identify(part: string, parent: string): CgroupIdentity | undefined {
  const [, prefix = '', id = ''] = PREFIXED.exec(part) ?? [];
  const runtime = PREFIXES[prefix];
  if (runtime !== undefined) return { runtime, id };
  if (BARE.test(part)) {
    if (parent === 'docker') return { runtime: 'docker', id: part };
    if (POD.test(parent)) return { runtime: 'cri', id: part };
  }
  const lxc = /^lxc\.payload\.(.+)$/.exec(part)?.[1] ?? (parent === 'lxc' ? part : undefined);
  if (lxc !== undefined) return { runtime: 'lxc', id: lxc };
  const nspawn = /^systemd-nspawn@(.+)\.service$/.exec(part)?.[1];
  return nspawn === undefined ? undefined : { runtime: 'systemd-nspawn', id: nspawn };
}

/**
 * The container by the text of /proc/PID/cgroup, of cgroup version 1, 2 or both; undefined for a process in none that is
 * known. Of containers in containers it is the innermost one.
 */
export function parseCgroup(text: string): CgroupIdentity | undefined {
  for (const line of text.split('\n')) {
    // Number, controllers and path; the path may have colons in it.
    const parts = line.split(':').slice(2).join(':').split('/');
    for (let index = parts.length - 1; index > 0; index--) {
      const found = identify(parts[index] ?? '', parts[index - 1] ?? '');
      if (found !== undefined) return found;
    }
  }
  return undefined;
}
