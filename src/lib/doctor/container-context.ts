// SPDX-License-Identifier: GPL-2.0-only
/** A container as it is seen from inside or, by a process of it, from the host. */
import { existsSync } from 'node:fs';
import { findContainers, selectContainer, type Container } from '../containers/containers.js';
import {
  argumentsOf,
  hostNamespace,
  isOnHost,
  pidNamespace,
  pidnsPath,
  readProc,
  readProcess,
} from '../containers/processes.js';
import { coverOf, parseMountinfo, type Mount } from '../containers/mountinfo.js';
import { findDriver } from '../driver/driver.js';
import { elfMachine } from '../system/elf.js';
import { ExitCode, MpuError, usageError } from '../errors.js';
import { LOADERS } from '../payload/plan.js';
import { libraryDirectory, readsPreloadFile, type LibraryDirectory } from '../payload/loader.js';
import { Host } from '../system/host.js';
import { isTranslator, pidnsState, type PidnsState } from '../containers/pidns-file.js';
import { LIBRARY_ROOT, preloadEntries, PRELOAD_FILE } from '../payload/preload-file.js';
import { readRegularFile } from '../system/regular-file.js';
import { runProcess } from '../system/run-process.js';
import { queryModule, translate } from '../translator.js';
import type { DriverContext } from './driver-checks.js';
import { interceptsBySysfs } from './interception.js';
import { findPidnsBoot, mountCommand } from '../pidns/boot.js';
import { namespacesOf, prove, type MethodAnswer, type Proof } from './proof.js';
import { hostArchitecture } from '../payload/libraries.js';

/** The C library of a container's programs. */
export type LibC =
  | { name: 'glibc'; libraryDirectory: LibraryDirectory | undefined; machine: number | undefined }
  | { name: 'musl'; machine: number | undefined }
  | { name: 'none' };

/** A library that the container's loader is told to preload. */
export interface Preload {
  /** As it is written. */
  entry: string;
  /** Where it is written. */
  by: typeof PRELOAD_FILE | 'LD_PRELOAD';
  /** Its path in the container; undefined where `$LIB` has no known value. */
  path: string | undefined;
  /** Undefined when there is no such file. */
  data: Buffer | undefined;
}

/** A program and whether it has loaded libmpu.so. */
export interface LoadedIn {
  command: string;
  loaded: boolean;
  /** It has no dynamic loader. */
  isStatic: boolean;
}

/** What the checks look at. */
export interface ContainerContext extends DriverContext {
  /** What the container is called; undefined from inside. */
  label: string | undefined;
  /** Whether this program is in it. */
  isInside: boolean;
  /** Host PID of its first process; undefined from inside. */
  init: number | undefined;
  /** Its file system, as seen from here. */
  root: Host;
  /** Whether it has the host's PID namespace. */
  sharesHost: boolean;
  libc: LibC;
  preloads: Preload[];
  /** The mount that covers the image's own /etc/ld.so.preload. */
  cover: Mount | undefined;
  /** Whether the image itself has files of mpu. */
  hasFiles: boolean;
  loaded: LoadedIn[];
  /** Environment of its first process, or of this one. */
  environment: ReadonlyMap<string, string>;
  /** Mode of seccomp, as in /proc/PID/status: 0 none, 1 strict, 2 filter; undefined where it is not told. */
  seccomp: number | undefined;
  pidnsPath: string;
  pidns: PidnsState;
  /** Whether /sys/module/mpu, which libmpu.so looks at before it asks mpu.ko, is visible in it. */
  seesModule: boolean;
  /** Whether mpu.ko rewrites the driver's answers, so that nothing has to be in the container. */
  intercepted: boolean;
  /** Undefined when it could not be tried. */
  proof: Proof | undefined;
  /** Why the proof could not be tried. */
  proofError: unknown;
  /** The command that gives the host its namespace file. */
  mountCommand: string;
}

/** A file of a container, with links followed inside of it. */
async function fileOf(root: Host, path: string): Promise<Buffer | undefined> {
  return readRegularFile(await root.resolve(path));
}

async function findLibC(root: Host): Promise<LibC> {
  const paths = LOADERS[hostArchitecture() ?? 'x86_64'];
  const loader = await fileOf(root, paths.glibc);
  if (loader !== undefined && readsPreloadFile(loader)) {
    return { name: 'glibc', libraryDirectory: libraryDirectory(loader), machine: elfMachine(loader) };
  }
  const musl = await fileOf(root, paths.musl);
  return musl === undefined ? { name: 'none' } : { name: 'musl', machine: elfMachine(musl) };
}

async function findPreloads(root: Host, libc: LibC, variable: string | undefined): Promise<Preload[]> {
  // musl does not read the file.
  const file = libc.name === 'glibc' ? ((await fileOf(root, PRELOAD_FILE))?.toString('latin1') ?? '') : '';
  const named = [
    ...preloadEntries(file).map((entry) => ({ entry, by: PRELOAD_FILE }) as const),
    ...preloadEntries(variable ?? '').map((entry) => ({ entry, by: 'LD_PRELOAD' }) as const),
  ];
  // musl takes both for names.
  const lib = libc.name === 'glibc' ? libc.libraryDirectory : '$LIB';
  const platform = libc.name === 'glibc' ? (hostArchitecture() ?? '') : '$PLATFORM';
  return Promise.all(
    named.map(async ({ entry, by }) => {
      const expanded = entry
        .replace(/\$PLATFORM\b|\$\{PLATFORM\}/, () => platform)
        .replace(/\$LIB\b|\$\{LIB\}/, () => lib ?? '');
      const path = lib === undefined && /\$\{?LIB\}?/.test(entry) ? undefined : expanded;
      return { entry, by, path, data: path?.startsWith('/') === true ? await fileOf(root, path) : undefined };
    }),
  );
}

function environmentOf(pid: number | 'self'): Map<string, string> {
  const entries = readProc(pid, 'environ')
    .split('\0')
    .filter((entry) => entry.includes('='));
  return new Map(entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]));
}

/** Whether a program has the library, by its mappings. */
function loadedBy(command: string, maps: string): LoadedIn {
  const isStatic = !/\/(?:ld-linux|ld-musl|ld-[\d.]+|ld64)[^/]*$/m.test(maps);
  return { command, loaded: /\/libmpu\.so( \(deleted\))?$/m.test(maps), isStatic };
}

/** The running programs; those whose mappings may not be read are left out. */
function loadedIn(pids: readonly number[]): LoadedIn[] {
  return pids.flatMap((pid) => {
    const maps = readProc(pid, 'maps');
    return maps === '' ? [] : [loadedBy(`${argumentsOf(pid)[0] ?? ''} (PID ${pid})`, maps)];
  });
}

/** Whether any of the processes has libmpu.so; undefined where none may be looked at. */
export function hasLibrary(pids: readonly number[]): boolean | undefined {
  const programs = loadedIn(pids);
  return programs.length === 0 ? undefined : programs.some(({ loaded }) => loaded);
}

/** A program that is started now: those which run may be older than the preload entry. */
async function loadedInChild(): Promise<LoadedIn[]> {
  const result = await runProcess('cat', ['/proc/self/maps']).catch(() => undefined);
  return result?.status === 0 ? [loadedBy('cat, started now', result.stdout.toString())] : [];
}

const seccompOf = (pid: number | 'self'): number | undefined => {
  const mode = /^Seccomp:\s*(\d)/m.exec(readProc(pid, 'status'))?.[1];
  return mode === undefined ? undefined : Number(mode);
};

/** The proof from inside: by this program itself, whose host PID nobody here can check. */
async function proveInside(): Promise<Proof> {
  const ask = async (method: 'netlink' | 'nsfs'): Promise<MethodAnswer> => {
    try {
      const [host = 0] = await translate([process.pid], 'to-host', { method });
      const [back = 0] = await translate([host], 'to-ns', { method });
      return { host, back };
    } catch (error) {
      if (error instanceof MpuError) return { why: error.why };
      throw error;
    }
  };
  return { pid: process.pid, inNamespace: true, methods: { netlink: await ask('netlink'), nsfs: await ask('nsfs') } };
}

/** Whether mpu.ko rewrites the driver's answers: by what it says, or where it cannot be asked by what it shows. Throws an MpuError without the addon. */
async function isIntercepted(): Promise<boolean> {
  try {
    return (await queryModule())?.intercept === 'on';
  } catch (error) {
    // That netlink is refused here is no reason not to try the namespace file; the proof says why it was.
    if (error instanceof MpuError && error.code === 'query-failed') return interceptsBySysfs();
    throw error;
  }
}

async function look(container: Container | undefined): Promise<ContainerContext> {
  const pid = container?.init ?? 'self';
  const root = await Host.open(container === undefined ? {} : { root: `/proc/${container.init}/root` });
  const environment = environmentOf(pid);
  const libc = await findLibC(root);
  const path = container === undefined ? pidnsPath() : (environment.get('MPU_PIDNS') ?? '/run/mpu/pidns');
  const resolved = await root.resolve(path);
  const pidns = pidnsState(resolved);
  const context: ContainerContext = {
    label: container?.label,
    isInside: container === undefined,
    init: container?.init,
    root,
    driver: await findDriver(),
    addonError: undefined,
    sharesHost: pidNamespace(pid) === hostNamespace(),
    libc,
    preloads: await findPreloads(root, libc, environment.get('LD_PRELOAD')),
    cover: coverOf(parseMountinfo(readProc(pid, 'mountinfo')), PRELOAD_FILE),
    hasFiles: existsSync(await root.resolve(LIBRARY_ROOT)),
    loaded: container === undefined ? await loadedInChild() : loadedIn(container.processes.map((each) => each.pid)),
    environment,
    seccomp: seccompOf(pid),
    pidnsPath: path,
    pidns,
    seesModule: existsSync(root.path('/sys/module/mpu')),
    intercepted: false,
    proof: undefined,
    proofError: undefined,
    mountCommand:
      container === undefined
        ? 'sudo mpu pidns enable --persist'
        : mountCommand(await findPidnsBoot(await Host.open())),
  };
  try {
    context.intercepted = await isIntercepted();
    context.proof =
      container === undefined
        ? await proveInside()
        : await prove(namespacesOf(container.init), isTranslator(pidns) ? resolved : undefined);
  } catch (error) {
    if (error instanceof MpuError && error.code.startsWith('addon-')) context.addonError = error;
    else context.proofError = error;
  }
  return context;
}

/** The container that this program is in. */
export async function ownContainer(): Promise<ContainerContext> {
  return look(undefined);
}

/** A container of this host, which `selector` means as in selectContainer(). Throws an MpuError. */
export async function containerFromHost(selector: string): Promise<ContainerContext> {
  const what = `cannot look into the container ${selector}`;
  if (!isOnHost()) {
    throw usageError(what, 'this is inside a container', 'mpu doctor, or run it on the host');
  }
  if (process.getuid?.() !== 0) {
    throw new MpuError({
      code: 'permission-denied',
      what,
      why: 'its namespaces are for root',
      next: `sudo mpu doctor --container ${selector}`,
      exitCode: ExitCode.permission,
    });
  }
  const container = selectContainer(await findContainers(), selector);
  if (readProcess(container.init) !== undefined) return look(container);
  throw new MpuError({ code: 'no-such-container', what, why: 'it has just ended', next: 'start it again' });
}
