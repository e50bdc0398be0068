// SPDX-License-Identifier: GPL-2.0-only
/** Checks of a host's container runtimes: which there are, whether they take CDI devices, who gives containers a GPU. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../system/program.js';
import { isJsonObject } from '../system/json.js';
import { readRegularFile } from '../system/regular-file.js';
import { runProcess } from '../system/run-process.js';
import { info, ok, warn, type Check, type Finding } from './check.js';

/** A runtime that is installed. */
export interface RuntimeState {
  name: string;
  /** Undefined where it does not say. */
  version?: string;
  /** Whether it takes CDI devices. */
  cdi: 'yes' | 'no' | 'unknown';
  /** Why it cannot be used right now. */
  problem?: string;
  /** What to do about that. */
  next?: string;
}

/** A daemon that does not answer is a finding, not a reason to wait. */
const LIMIT_MS = 5000;

/** The first releases that take CDI devices without being configured (their release notes). */
const CDI_SINCE: Record<string, readonly [number, number]> = { podman: [4, 1], containerd: [2, 0], crio: [1, 23] };

/** Where CDI specifications lie (container-device-interface, SPEC.md). */
const CDI_DIRECTORIES = ['/etc/cdi', '/var/run/cdi'];

async function said(program: string, args: readonly string[]): Promise<string | undefined> {
  const path = await findProgram(program);
  if (path === undefined) return undefined;
  const result = await runProcess(path, args, { signal: AbortSignal.timeout(LIMIT_MS) }).catch(() => undefined);
  return `${result?.stdout.toString() ?? ''}\n${result?.stderr ?? ''}`;
}

/** docker's daemon says which directories it takes CDI specifications from, from release 25 on. */
async function docker(): Promise<RuntimeState | undefined> {
  const text = await said('docker', ['info', '--format', '{{json .}}']);
  if (text === undefined || /podman/i.test((await said('docker', ['--version'])) ?? '')) return undefined;
  try {
    const parsed: unknown = JSON.parse(text.split('\n')[0] ?? '');
    if (isJsonObject(parsed) && typeof parsed.ServerVersion === 'string' && parsed.ServerVersion !== '') {
      const directories = parsed.CDISpecDirs;
      return {
        name: 'docker',
        version: parsed.ServerVersion,
        cdi: Array.isArray(directories) && directories.length > 0 ? 'yes' : 'no',
      };
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  if (/permission denied/i.test(text))
    return { name: 'docker', cdi: 'unknown', problem: 'this user may not ask its daemon', next: 'sudo mpu doctor' };
  return { name: 'docker', cdi: 'unknown', problem: 'its daemon does not answer', next: 'sudo systemctl start docker' };
}

async function byVersion(name: string): Promise<RuntimeState | undefined> {
  const text = await said(name, ['--version']);
  if (text === undefined) return undefined;
  const match = /(\d+)\.(\d+)[^\s,]*/.exec(text);
  if (match === null) return { name, cdi: 'unknown', problem: 'it does not run', next: `${name} --version` };
  const [major, minor] = [Number(match[1]), Number(match[2])];
  const [firstMajor, firstMinor] = CDI_SINCE[name] ?? [Infinity, 0];
  const takes = major > firstMajor || (major === firstMajor && minor >= firstMinor);
  return {
    name,
    version: match[0],
    cdi: takes ? 'yes' : name === 'containerd' && major === 1 && minor >= 7 ? 'unknown' : 'no',
  };
}

/** The runtimes of this host. */
export async function findRuntimes(): Promise<RuntimeState[]> {
  const found = await Promise.all([docker(), byVersion('podman'), byVersion('containerd'), byVersion('crio')]);
  return found.filter((runtime) => runtime !== undefined);
}

const CDI_WORDS: Record<RuntimeState['cdi'], string> = { yes: 'CDI', no: 'no CDI', unknown: 'CDI by configuration' };

/** A runtime in a few words. */
export function describeRuntime({ name, version, cdi, problem }: RuntimeState): string {
  return problem === undefined
    ? `${name} ${version ?? 'of unknown version'} (${CDI_WORDS[cdi]})`
    : `${name} (${problem})`;
}

/** Paths of the CDI specifications that name a file or device. */
export function cdiSpecifications(word: string): string[] {
  return CDI_DIRECTORIES.flatMap((directory) => {
    try {
      return readdirSync(directory)
        .filter((name) => /\.(json|ya?ml)$/.test(name))
        .map((name) => join(directory, name));
    } catch {
      return [];
    }
  }).filter((path) => readRegularFile(path)?.includes(word) === true);
}

async function checkRuntimes(): Promise<Finding> {
  const runtimes = await findRuntimes();
  if (runtimes.length === 0)
    return warn(
      'neither docker, podman, containerd nor CRI-O is installed',
      'install one of them, e.g. docker.io or podman',
    );
  const text = runtimes.map(describeRuntime).join(', ');
  const nexts = runtimes.flatMap(({ next }) => next ?? []);
  if (nexts.length === 0) return ok(text);
  return nexts.length === runtimes.length ? warn(text, nexts.join('; ')) : info(text, nexts.join('; '));
}

/** The GPU Operator puts the toolkit beside the system's programs. */
async function hasToolkit(): Promise<boolean> {
  return (
    (await findProgram('nvidia-ctk')) !== undefined ||
    readRegularFile('/usr/local/nvidia/toolkit/nvidia-ctk') !== undefined
  );
}

/** What CDI devices there are, by the paths of their specifications: those of mpu, and NVIDIA's. */
export function checkCdi(ours: readonly string[], nvidia: readonly string[]): Finding {
  const gpus = nvidia.length === 0 ? 'none for GPUs' : `GPUs in ${nvidia.join(', ')}`;
  const next = [
    ...(nvidia.length === 0 ? ['sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml'] : []),
    ...(ours.length === 0 ? ['sudo mpu cdi install'] : []),
  ];
  return info(
    `${ours.length === 0 ? 'none of mpu' : `mpu in ${ours.join(', ')}`}; ${gpus}`,
    next.length === 0 ? undefined : `for untouched images: ${next.join('; ')}`,
  );
}

/** The checks, for hosts. */
export const RUNTIME_CHECKS: readonly Check<unknown>[] = [
  { id: 'runtimes', title: 'container runtimes', applies: () => true, run: checkRuntimes },
  {
    id: 'toolkit',
    title: 'NVIDIA toolkit',
    applies: () => true,
    run: async () =>
      (await hasToolkit())
        ? ok('nvidia-ctk is installed: runtimes can give containers a GPU')
        : warn(
            'no NVIDIA Container Toolkit, which gives containers their GPU',
            'install nvidia-container-toolkit, then: sudo nvidia-ctk runtime configure',
          ),
  },
  {
    id: 'cdi',
    title: 'CDI devices',
    applies: () => true,
    run: () => checkCdi(cdiSpecifications('libmpu.so'), cdiSpecifications('nvidia.com/gpu')),
  },
];
