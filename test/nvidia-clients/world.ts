// SPDX-License-Identifier: GPL-2.0-only
/**
 * The GPU processes that the clients are shown, as data. They run in four places:
 *
 *     host namespace ── outside
 *      ├─ container A ── inside       the clients run here
 *      │   └─ namespace ── nested     visible from A, under A's numbers
 *      └─ container B ── sibling      another tenant
 *
 * Numbers collide on purpose: what one namespace calls a process, another calls a different one.
 */

/** Where a process runs. */
export type Place = 'outside' | 'inside' | 'nested' | 'sibling';

/** The engines whose utilization clients show: SMs, memory, video encoder and decoder. */
export const ENGINES = ['sm', 'mem', 'enc', 'dec'] as const;
export type Engine = (typeof ENGINES)[number];
export type Utilization = Partial<Record<Engine, number>>;

/** A process as it is to be started. */
export interface ProcessSpec {
  /** Its program's file name, unique in the world. */
  name: string;
  place: Place;
  gpu: 0 | 1;
  kind: 'compute' | 'graphics' | 'mps';
  /** GPU memory in MiB, unique in the world. */
  memory: number;
  /** Utilization of engines in percent; it does not use the others. */
  utilization?: Utilization;
  /** RM clients it has; more than one makes drivers list it several times. */
  clients?: number;
  /** A second thread opens the RM clients. */
  thread?: boolean;
  encoderSessions?: number;
  captureSessions?: number;
  /** It has ended by the time the clients run; its accounting record stays. */
  ended?: boolean;
  /** Its number in its own namespace is the host's number of this other, earlier process. */
  numberOf?: string;
}

/** A process as it runs. */
export interface WorldProcess extends ProcessSpec {
  /** PID in the host's namespace. */
  host: number;
  /** PID in container A, where it is visible from there. */
  contained: number | undefined;
  /** The thread that opened the RM clients, in the host's namespace and in container A. */
  hostThread: number;
  containedThread: number | undefined;
}

/** Visible from container A, and so to be shown there. */
export const isVisible = (process: ProcessSpec): boolean => process.place === 'inside' || process.place === 'nested';

/**
 * In the order in which they are started. Where two are busy on the same engine, each uses less than
 * half of it, so that NVML can show what they use.
 */
export const WORLD: readonly ProcessSpec[] = [
  { name: 'o-gone', place: 'outside', gpu: 0, kind: 'compute', memory: 1301, ended: true },
  { name: 'o-train', place: 'outside', gpu: 0, kind: 'compute', memory: 1307, utilization: { sm: 47, enc: 67 } },
  { name: 'o-many', place: 'outside', gpu: 0, kind: 'compute', memory: 1319, clients: 2 },
  {
    name: 'o-render',
    place: 'outside',
    gpu: 0,
    kind: 'graphics',
    memory: 1321,
    encoderSessions: 2,
    captureSessions: 1,
  },
  { name: 'o-mps', place: 'outside', gpu: 0, kind: 'mps', memory: 1327 },
  { name: 'o-other', place: 'outside', gpu: 1, kind: 'compute', memory: 1361, utilization: { sm: 44, dec: 83 } },
  { name: 'i-plain', place: 'inside', gpu: 0, kind: 'compute', memory: 2207, utilization: { mem: 55 } },
  { name: 'i-gone', place: 'inside', gpu: 0, kind: 'compute', memory: 2203, ended: true },
  { name: 'i-many', place: 'inside', gpu: 0, kind: 'compute', memory: 2213, clients: 3 },
  { name: 'i-thread', place: 'inside', gpu: 1, kind: 'compute', memory: 2221, utilization: { mem: 40 }, thread: true },
  {
    name: 'i-as-o',
    place: 'inside',
    gpu: 0,
    kind: 'compute',
    memory: 2237,
    utilization: { sm: 30 },
    numberOf: 'o-train',
  },
  {
    name: 'i-as-i',
    place: 'inside',
    gpu: 0,
    kind: 'compute',
    memory: 2239,
    utilization: { dec: 25 },
    numberOf: 'i-plain',
  },
  { name: 'i-render', place: 'inside', gpu: 0, kind: 'graphics', memory: 2243, encoderSessions: 1, captureSessions: 2 },
  { name: 'i-mps', place: 'inside', gpu: 0, kind: 'mps', memory: 2251 },
  { name: 'i-other', place: 'inside', gpu: 1, kind: 'compute', memory: 2267, utilization: { sm: 21 } },
  {
    name: 'n-job',
    place: 'nested',
    gpu: 1,
    kind: 'compute',
    memory: 2269,
    utilization: { enc: 20 },
    encoderSessions: 1,
  },
  // The first of its namespace, as i-plain is of its own: both have the same number there.
  { name: 's-job', place: 'sibling', gpu: 0, kind: 'compute', memory: 1367, captureSessions: 1 },
];
