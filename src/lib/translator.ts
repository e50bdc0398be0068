// SPDX-License-Identifier: GPL-2.0-only
/** Translating PIDs between this process's PID namespace and the host's: by mpu.ko, else by the kernel's namespace files. */
import { ExitCode, MpuError, usageError } from './errors.js';
import {
  isNativeFailure,
  nativeAddon,
  nativeErrnoName,
  type NativeAddon,
  type RawModuleState,
} from './native-addon.js';

/** `to-ns`: host PIDs to this namespace's; `to-host`: the other way. */
export type Direction = 'to-ns' | 'to-host';

/** Who translates: mpu.ko over generic netlink, or the file of the host at /run/mpu/pidns (`mpu pidns enable`). */
export type TranslationMethod = 'netlink' | 'nsfs';

/** How to translate; everything is optional. */
export interface TranslateOptions {
  /** The one method to use. Default: netlink, then nsfs. */
  method?: TranslationMethod;
  /**
   * The host's file for nsfs. Default: the variable MPU_PIDNS, else /run/mpu/pidns, which then has to be the initial
   * PID namespace or a BPF iterator.
   */
  pidns?: string;
}

/** What the loaded mpu.ko says about itself. */
export interface ModuleState {
  version: string;
  /** MPU_ABI_VERSION of the module. */
  abi: number;
  /** Names of what it can do. */
  features: string[];
  /** Most PIDs in one request. */
  maxPids: number;
  /** Whether it rewrites the driver's answers: `absent` means that it cannot, `waiting` that nvidia.ko is not loaded. */
  intercept: 'absent' | 'off' | 'on' | 'waiting' | 'blocked' | 'unknown';
  /** Why it does not, where it should or cannot. */
  interceptReason?: string;
  /** Differs after every load and every change of settings; decimal, since it exceeds a JavaScript number. */
  generation: string;
  /** Since the load; only in the host's PID namespace. */
  counters?: {
    requests: number;
    pids: number;
    hidden: number;
    /** Answers of the driver that were put right, and that were left as they were. */
    rewritten: number;
    untouched: number;
    /** Calls to the driver that are being looked after now. */
    inFlight: number;
  };
}

/** Where libmpu.so and the addon expect the host's file. */
const DEFAULT_PIDNS = '/run/mpu/pidns';

/** Bits of enum mpu_feature, lowest first (uapi/mpu.h). */
const FEATURES = ['translate', 'intercept'];
const INTERCEPT: readonly ModuleState['intercept'][] = ['unknown', 'absent', 'off', 'on', 'waiting', 'blocked'];

const MAX_PID = 0xffffffff;

function packPids(pids: readonly number[]): Uint32Array {
  for (const pid of pids) {
    if (!Number.isInteger(pid) || pid < 0 || pid > MAX_PID) {
      throw usageError('cannot translate the PIDs', `${pid} is no PID`, 'give whole numbers from 0 to 4294967295');
    }
  }
  return Uint32Array.from(pids);
}

/** What to say about a system call that failed; undefined where the method is simply not there. */
function explain(error: unknown, method: TranslationMethod): { absent: boolean; why: string } {
  if (!isNativeFailure(error)) throw error;
  const name = nativeErrnoName(error);
  const why = `${name}: ${error.message}`;
  if (method === 'netlink') {
    if (error.step === 'family' && name === 'ENOENT') return { absent: true, why: 'mpu.ko is not loaded' };
    // A seccomp filter or a kernel without generic netlink.
    if (error.step === 'family') return { absent: true, why: `netlink cannot be used (${why})` };
    return { absent: false, why };
  }
  if (error.step === 'open') {
    return {
      absent: true,
      why:
        name === 'EXDEV'
          ? 'the file is neither the initial PID namespace nor a BPF iterator'
          : `the namespace file cannot be opened (${why})`,
    };
  }
  if (name === 'ENOTTY') {
    return {
      absent: true,
      why: 'the file is neither a PID namespace nor a BPF iterator, or the kernel is older than 6.11',
    };
  }
  return { absent: false, why };
}

async function byNetlink(addon: NativeAddon, pids: Uint32Array, toHost: boolean): Promise<Uint32Array> {
  try {
    return await addon.netlinkTranslate(pids, toHost);
  } catch (error) {
    // The module was loaded again between two messages: the family has another number now.
    if (isNativeFailure(error) && error.step === 'translate' && nativeErrnoName(error) === 'ENOENT') {
      return addon.netlinkTranslate(pids, toHost);
    }
    throw error;
  }
}

function byNsfs(
  addon: NativeAddon,
  pids: Uint32Array,
  toHost: boolean,
  path: string | undefined,
): Promise<Uint32Array> {
  const chosen = path ?? process.env.MPU_PIDNS ?? '';
  return addon.nsfsTranslate(pids, toHost, chosen === '' ? DEFAULT_PIDNS : chosen, chosen === '');
}

/**
 * Translates PIDs; the answer has the same order. 0 stands for a process that does not exist or is
 * not visible from this process's namespace; the id of a thread is answered with that of its process.
 * Throws an MpuError: `addon-missing`, `no-translator` when no method is available, `translate-failed`,
 * `usage` for a number that is no PID.
 */
export async function translate(
  pids: readonly number[],
  direction: Direction,
  options: TranslateOptions = {},
): Promise<number[]> {
  const packed = packPids(pids);
  const toHost = direction === 'to-host';
  const addon = nativeAddon();
  const reasons: string[] = [];
  const methods: readonly TranslationMethod[] = options.method === undefined ? ['netlink', 'nsfs'] : [options.method];
  for (const method of methods) {
    try {
      const answer =
        method === 'netlink'
          ? await byNetlink(addon, packed, toHost)
          : await byNsfs(addon, packed, toHost, options.pidns);
      return [...answer];
    } catch (error) {
      const { absent, why } = explain(error, method);
      reasons.push(`${method}: ${why}`);
      if (!absent) throw translationError('translate-failed', why, 'run it again', error);
    }
  }
  const next = 'mpu module load on the host, or mpu pidns enable there and its file mounted at /run/mpu/pidns';
  throw translationError('no-translator', reasons.join('; '), next);
}

function translationError(code: string, why: string, next: string, cause?: unknown): MpuError {
  const exitCode = code === 'no-translator' ? ExitCode.hostUnsupported : ExitCode.failed;
  return new MpuError({ code, what: 'cannot translate PIDs', why, next, exitCode, cause });
}

function moduleState(raw: RawModuleState): ModuleState {
  const { version, abi, maxPids, counters } = raw;
  return {
    version,
    abi,
    features: FEATURES.filter((_, bit) => (raw.features & (1 << bit)) !== 0),
    maxPids,
    intercept: INTERCEPT[raw.intercept] ?? 'unknown',
    ...(raw.interceptReason === '' ? {} : { interceptReason: raw.interceptReason }),
    generation: String(raw.generation),
    ...(counters === undefined
      ? {}
      : {
          counters: {
            requests: Number(counters.requests),
            pids: Number(counters.pids),
            hidden: Number(counters.hidden),
            rewritten: Number(counters.rewritten),
            untouched: Number(counters.untouched),
            inFlight: Number(counters.inFlight),
          },
        }),
  };
}

/**
 * Asks the loaded mpu.ko what it is; undefined when no module answers to the family `mpu`.
 * Throws an MpuError: `addon-missing`, or `query-failed` when netlink cannot be used at all.
 */
export async function queryModule(): Promise<ModuleState | undefined> {
  const addon = nativeAddon();
  try {
    return moduleState(await addon.netlinkGet());
  } catch (error) {
    if (!isNativeFailure(error)) throw error;
    if (nativeErrnoName(error) === 'ENOENT') return undefined;
    throw new MpuError({
      code: 'query-failed',
      what: 'cannot ask mpu.ko',
      why: `${nativeErrnoName(error)}: ${error.message}`,
      next: 'run it outside of sandboxes that refuse netlink sockets',
      cause: error,
    });
  }
}
