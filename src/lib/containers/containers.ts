// SPDX-License-Identifier: GPL-2.0-only
/** The containers of this host, found by their processes: whatever runtime made them, also those of no known one. */
import { ExitCode, MpuError } from '../errors.js';
import { parseCgroup, type CgroupIdentity, type Runtime } from './cgroup.js';
import { dockerNames, namesByParent, splitName, type ContainerNames, type Pod } from './names.js';
import { listProcesses, startTime, type Process } from './processes.js';

/** A running container. */
export interface Container {
  /** Full id; for a PID namespace that no known runtime made `pidns:INODE`. */
  id: string;
  runtime: Runtime;
  /** What to call it: its name, `NAMESPACE/POD/CONTAINER` in Kubernetes, else the short id. */
  label: string;
  name?: string;
  pod?: Pod;
  /** Host PID of its first process. */
  init: number;
  /** Its processes. */
  processes: Process[];
}

const SHORT_ID = 12;

/** The container of a pod that only keeps its namespaces (pause), by what containerd and others call it. */
const isSandbox = ({ pod }: ContainerNames): boolean => pod !== undefined && ['', 'POD'].includes(pod.container);

/** What processes of one container have in common; undefined for those of the host. */
function keyOf(process: Process, identity: CgroupIdentity | undefined): string | undefined {
  if (identity !== undefined) return identity.id;
  return process.numbers.length > 1 ? `pidns:${process.namespace ?? process.cgroup}` : undefined;
}

interface Group {
  key: string;
  identity: CgroupIdentity | undefined;
  processes: Process[];
}

function groupProcesses(processes: readonly Process[]): Group[] {
  const groups = new Map<string, Group>();
  for (const process of processes) {
    const identity = parseCgroup(process.cgroup);
    const key = keyOf(process, identity);
    if (key === undefined) continue;
    const group = groups.get(key) ?? { key, identity, processes: [] };
    group.processes.push(process);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/**
 * The first process: PID 1 of the outermost namespace, or where that is shared with the host the oldest one that something
 * outside has started; numbers do not tell which that is, for they begin anew after the largest.
 */
export function firstProcess(
  processes: readonly Process[],
  startOf: (pid: number) => number = startTime,
): Process | undefined {
  const level = Math.min(...processes.map(({ numbers }) => numbers.length));
  const outer = processes.filter(({ numbers }) => numbers.length === level);
  const first = outer.find(({ numbers }) => level > 1 && numbers.at(-1) === 1);
  if (first !== undefined) return first;
  const pids = new Set(outer.map(({ pid }) => pid));
  const fromOutside = outer.filter(({ parent }) => !pids.has(parent));
  const starts = new Map(fromOutside.map(({ pid }) => [pid, startOf(pid)]));
  return fromOutside.sort((a, b) => (starts.get(a.pid) ?? 0) - (starts.get(b.pid) ?? 0))[0] ?? outer[0];
}

function labelOf(key: string, { name, pod }: Pick<ContainerNames, 'name' | 'pod'>): string {
  if (pod !== undefined) return `${pod.namespace}/${pod.name}/${pod.container}`;
  return name ?? (/^[0-9a-f]{64}$/.test(key) ? key.slice(0, SHORT_ID) : key);
}

/** The number of a process in its container; undefined where it is in none or shares the host's PID namespace. */
export function numberInContainer(process: Process, container: Container): number | undefined {
  const level = Math.min(...container.processes.map(({ numbers }) => numbers.length)) - 1;
  return level > 0 ? process.numbers[level] : undefined;
}

/**
 * All containers that have processes. Names are those of the runtime where it can be asked; reading those of containerd,
 * podman and Kubernetes needs root.
 */
export async function findContainers(): Promise<Container[]> {
  const found = groupProcesses(listProcesses()).flatMap(({ key, identity, processes }) => {
    const first = firstProcess(processes);
    if (first === undefined) return [];
    const names: ContainerNames = namesByParent(first.parent, identity) ?? identity ?? { runtime: 'unknown' };
    return isSandbox(names) ? [] : [{ key, first, processes, names }];
  });
  const unnamed = found.filter(
    ({ names }) => ['docker', 'cri'].includes(names.runtime) && names.name === undefined && names.pod === undefined,
  );
  const docker = await dockerNames(unnamed.flatMap(({ names }) => names.id ?? []));
  return found.map(({ key, first, processes, names: { runtime, id = key, ...rest } }) => {
    const said = docker.get(id);
    const names = said === undefined ? rest : splitName(said);
    return { id, runtime, label: labelOf(id, names), ...names, init: first.pid, processes };
  });
}

/** The container that each process is in, by PID. */
export function containersByPid(containers: readonly Container[]): Map<number, Container> {
  return new Map(containers.flatMap((container) => container.processes.map(({ pid }) => [pid, container] as const)));
}

function matches(container: Container, selector: string): boolean {
  const { id, name, pod, label } = container;
  if ([id, name, pod?.name, label].includes(selector)) return true;
  if (pod !== undefined && `${pod.namespace}/${pod.name}` === selector) return true;
  return /^[0-9a-f]{4,}$/.test(selector) && id.startsWith(selector);
}

function selectorError(selector: string, code: string, why: string, next: string): MpuError {
  const exitCode = code === 'no-such-container' ? ExitCode.failed : ExitCode.usage;
  return new MpuError({ code, what: `cannot tell which container ${selector} is`, why, next, exitCode });
}

function ambiguous(selector: string, candidates: readonly Container[]): MpuError {
  const list = candidates.map(({ label, init }) => `${label} (PID ${init})`).join(', ');
  return selectorError(
    selector,
    'ambiguous-container',
    `it may be any of ${list}`,
    'give the full name or id, or the PID of another process in it',
  );
}

/**
 * The containers that a person means: by name, id or its first digits, `POD`, `NAMESPACE/POD`,
 * `NAMESPACE/POD/CONTAINER`, or the host PID of one of its processes. Throws an MpuError: no-such-container for none,
 * ambiguous-container for a PID that is also another's name or the start of its id.
 */
export function selectContainers(containers: readonly Container[], selector: string): Container[] {
  const named = containers.filter((container) => matches(container, selector));
  const byPid = /^\d+$/.test(selector) ? containersByPid(containers).get(Number(selector)) : undefined;
  if (byPid !== undefined && named.some((container) => container !== byPid))
    throw ambiguous(selector, [...new Set([...named, byPid])]);
  if (named.length > 0) return named;
  if (byPid !== undefined) return [byPid];
  const known = containers.map(({ label }) => label).sort();
  const why =
    known.length === 0
      ? 'no container runs here'
      : `no running container has that name, id or process; there are: ${known.join(', ')}`;
  const next =
    process.getuid?.() === 0
      ? 'mpu ps --json shows the containers with GPU processes'
      : 'run it with sudo, which sees the names of all containers';
  throw selectorError(selector, 'no-such-container', why, next);
}

/** The one container that a person means. Throws an MpuError for none and for several. */
export function selectContainer(containers: readonly Container[], selector: string): Container {
  const found = selectContainers(containers, selector);
  const [container, ...others] = found;
  if (container !== undefined && others.length === 0) return container;
  throw ambiguous(selector, found);
}
