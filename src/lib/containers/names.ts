// SPDX-License-Identifier: GPL-2.0-only
/** What people call a container: its name, or pod and namespace. */
import { basename } from 'node:path';
import { findProgram } from '../system/program.js';
import { isJsonObject } from '../system/json.js';
import { readRegularFile } from '../system/regular-file.js';
import { runProcess } from '../system/run-process.js';
import type { CgroupIdentity, Runtime } from './cgroup.js';
import { argumentsOf } from './processes.js';

/** A container of a Kubernetes pod. */
export interface Pod {
  namespace: string;
  name: string;
  /** Name of the container in the pod. */
  container: string;
}

/** What a container is called. */
export interface ContainerNames {
  runtime: Runtime;
  /** Full id; undefined where no runtime gave one. */
  id?: string;
  name?: string;
  pod?: Pod;
}

/** A daemon that does not answer must not hold up a list of processes. */
const DAEMON_LIMIT_MS = 3000;

/** The value that follows a flag. */
const valueOf = (args: readonly string[], flag: string): string | undefined => {
  const index = args.indexOf(flag);
  return index < 0 ? undefined : args[index + 1];
};

/** Annotations by containerd's CRI plugin, by CRI-O, and of nerdctl. */
function namesByAnnotations(annotations: Record<string, unknown>): Pick<ContainerNames, 'name' | 'pod'> {
  const text = (...keys: string[]): string | undefined =>
    keys.map((key) => annotations[key]).find((value) => typeof value === 'string');
  const namespace = text('io.kubernetes.cri.sandbox-namespace', 'io.kubernetes.pod.namespace');
  const pod = text('io.kubernetes.cri.sandbox-name', 'io.kubernetes.pod.name');
  const container = text('io.kubernetes.cri.container-name', 'io.kubernetes.container.name');
  if (namespace !== undefined && pod !== undefined)
    return { pod: { namespace, name: pod, container: container ?? '' } };
  const name = text('nerdctl/name');
  return name === undefined ? {} : { name };
}

/** The annotations of an OCI bundle, runtime-spec's config.json. */
function annotationsOf(bundle: string): Record<string, unknown> {
  const data = readRegularFile(`${bundle}/config.json`);
  if (data === undefined) return {};
  try {
    const config: unknown = JSON.parse(data.toString());
    return isJsonObject(config) && isJsonObject(config.annotations) ? config.annotations : {};
  } catch {
    return {};
  }
}

/** cri-dockerd and CRI-O name a container of a pod `k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT`. */
export function splitName(name: string): Pick<ContainerNames, 'name' | 'pod'> {
  const [, container = '', pod = '', namespace = ''] = /^k8s_([^_]+)_([^_]+)_([^_]+)_[^_]+_\d+$/.exec(name) ?? [];
  return container === '' ? { name } : { pod: { namespace, name: pod, container } };
}

/**
 * The names that the program knows which started a container: conmon (podman, CRI-O) by its arguments, containerd's shim
 * by the OCI bundle beside its own. `parent` is the PID of the parent of the container's first process.
 */
export function namesByParent(parent: number, identity: CgroupIdentity | undefined): ContainerNames | undefined {
  const [program = '', ...args] = argumentsOf(parent);
  if (basename(program) === 'conmon') {
    const [id, bundle] = [identity?.id ?? valueOf(args, '-c'), valueOf(args, '-b')];
    if (id === undefined) return undefined;
    // Rootless podman has a mount namespace of its own.
    const annotated = bundle === undefined ? {} : namesByAnnotations(annotationsOf(`/proc/${parent}/root${bundle}`));
    return { runtime: identity?.runtime ?? 'podman', id, ...splitName(valueOf(args, '-n') ?? id), ...annotated };
  }
  if (basename(program).startsWith('containerd-shim')) {
    const id = identity?.id ?? valueOf(args, '-id');
    if (id === undefined) return undefined;
    const isDocker = valueOf(args, '-namespace') === 'moby';
    // One shim serves all containers of a pod and stands in the bundle of the first.
    return {
      runtime: isDocker ? 'docker' : 'containerd',
      id,
      ...namesByAnnotations(annotationsOf(`/proc/${parent}/cwd/../${id}`)),
    };
  }
  return undefined;
}

/** docker's names by container id; what it does not know, or does not answer in time, is left out. */
export async function dockerNames(ids: readonly string[]): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  if (ids.length === 0 || (await findProgram('docker')) === undefined) return names;
  const args = ['container', 'inspect', '--format', '{{.Id}} {{.Name}}', ...ids];
  const result = await runProcess('docker', args, { signal: AbortSignal.timeout(DAEMON_LIMIT_MS) }).catch(
    () => undefined,
  );
  for (const line of result?.stdout.toString().split('\n') ?? []) {
    const [id = '', name = ''] = line.split(' ');
    if (name !== '') names.set(id, name.replace(/^\//, ''));
  }
  return names;
}
