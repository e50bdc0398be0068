// SPDX-License-Identifier: GPL-2.0-only
/** Puts a translator of PIDs at /run/mpu/pidns, for containers without mpu.ko, and takes it away. */
import { DEFAULT_PIDNS } from '../containers/processes.js';
import { ExitCode, fileError, MpuError, throwIfInterrupted } from '../errors.js';
import { Host } from '../system/host.js';
import { rollBackOnFailure } from '../system/rollback.js';
import { hasSystemd, installUnits, removeUnits, systemctl, unitPath } from '../system/systemd.js';
import { findPidnsBoot } from './boot.js';
import { runLoader } from './loader.js';
import { pidnsStatus, type PidnsStatus } from './state.js';
import { PIDNS_UNIT, pidnsUnit, type Translator } from './unit.js';
import { explainFailure, whyNotHere, type Reason } from './why.js';

/** The translators, in the order of `auto`: the iterator's time tells nothing of other processes (docs/security.md). */
const TRANSLATORS = ['bpf', 'nsfs'] as const;

/** How to enable; everything is optional. */
export interface EnableOptions {
  /** Default `auto`. */
  translator?: Translator;
  /** Also at each boot, by a unit of systemd. */
  persist?: boolean;
  signal?: AbortSignal;
}

/** Outcome of {@link enablePidns}. */
export interface EnableResult extends PidnsStatus {
  outcome: 'enabled' | 'unchanged';
  /** Why translators that `auto` prefers were not used. */
  skipped: string[];
}

/** Outcome of {@link disablePidns}. */
export interface DisableResult {
  outcome: 'disabled' | 'unchanged';
  /** The unit that was removed or disabled; null for none. */
  unit: string | null;
}

const WHAT = 'cannot put a translator of PIDs at /run/mpu/pidns';

async function tryTranslator(translator: 'bpf' | 'nsfs', host: Host): Promise<Reason | undefined> {
  const why = whyNotHere(translator, host);
  if (why !== undefined) return { why, isPermission: false };
  const result = await runLoader(['enable', translator, DEFAULT_PIDNS], WHAT);
  return 'failure' in result ? explainFailure(translator, result.failure, host) : undefined;
}

function refusal(reasons: readonly Reason[], words: string, flags: string): MpuError {
  if (reasons.some(({ isPermission }) => isPermission)) {
    const next =
      process.getuid?.() === 0 ? `run it on the host: mpu pidns enable${flags}` : `sudo mpu pidns enable${flags}`;
    return new MpuError({ code: 'permission-denied', what: WHAT, why: words, next, exitCode: ExitCode.permission });
  }
  return new MpuError({
    code: 'no-translator',
    what: WHAT,
    why: words,
    next: 'sudo mpu module load, which needs nothing there',
    exitCode: ExitCode.hostUnsupported,
  });
}

/** Puts the first translator that works at the path, unless it is there. Returns why others were not used. */
async function place(wanted: Translator, before: PidnsStatus): Promise<string[]> {
  const host = await Host.open();
  const reasons: Reason[] = [];
  const skipped: string[] = [];
  for (const translator of wanted === 'auto' ? TRANSLATORS : [wanted]) {
    if (before.translator === translator) return skipped;
    const reason = await tryTranslator(translator, host);
    if (reason === undefined) return skipped;
    reasons.push(reason);
    skipped.push(`${translator}: ${reason.why}`);
  }
  throw refusal(reasons, skipped.join('; '), wanted === 'auto' ? '' : ` --translator ${wanted}`);
}

async function checkSystemd(): Promise<void> {
  if (await hasSystemd()) return;
  throw new MpuError({
    code: 'no-systemd',
    what: 'cannot enable it at each boot',
    why: 'systemd does not manage this system',
    next: 'run mpu pidns enable without --persist, after each boot',
    exitCode: ExitCode.hostUnsupported,
  });
}

/**
 * Puts a translator at /run/mpu/pidns. Rejects with an MpuError: `permission-denied`, `no-translator` with what is
 * missing for each, `no-systemd`; then everything is as before.
 */
export async function enablePidns(options: EnableOptions = {}): Promise<EnableResult> {
  const { translator = 'auto', persist = false, signal } = options;
  if (persist) await checkSystemd();
  const before = await pidnsStatus();
  const { skipped, changed } = await rollBackOnFailure(async (rollback) => {
    if (before.translator === null) {
      rollback.push(async () => {
        await runLoader(['disable', DEFAULT_PIDNS], WHAT);
      });
    }
    const skipped = await place(translator, before);
    throwIfInterrupted(signal);
    if (!persist) return { skipped, changed: false };
    const changed = await installUnits([await pidnsUnit(translator)], rollback).catch((error: unknown) => {
      throw fileError(error, 'cannot enable it at each boot');
    });
    // Active, so that a shutdown takes the file away.
    await systemctl('start', PIDNS_UNIT);
    return { skipped, changed };
  });
  const after = await pidnsStatus();
  const isSame = after.translator === before.translator && !changed;
  return { ...after, outcome: isSame ? 'unchanged' : 'enabled', skipped };
}

/** Removes the unit of {@link enablePidns}, or disables the one that a package brought. */
async function disableUnit(): Promise<string | null> {
  const [removed] = await removeUnits([PIDNS_UNIT]);
  if (removed !== undefined) return removed;
  const { hasSystemd: managed, unit } = await findPidnsBoot(await Host.open());
  if (!managed || unit !== 'enabled') return null;
  await systemctl('disable', PIDNS_UNIT);
  return PIDNS_UNIT;
}

/** Takes the translator away, and with `persist` its unit. Containers that have the file keep it. Rejects with an MpuError. */
export async function disablePidns(persist = false): Promise<DisableResult> {
  const what = 'cannot take the translator away';
  const before = await pidnsStatus();
  const unit = persist
    ? await disableUnit().catch((error: unknown) => {
        throw fileError(error, `cannot remove ${unitPath(PIDNS_UNIT)}`);
      })
    : null;
  const result = await runLoader(['disable', DEFAULT_PIDNS], what);
  if ('failure' in result) {
    const { why, isPermission } = await explainFailure('nsfs', result.failure, await Host.open());
    throw new MpuError({
      code: isPermission ? 'permission-denied' : 'loader-failed',
      what,
      why,
      next: isPermission ? 'sudo mpu pidns disable' : `umount ${DEFAULT_PIDNS}; rm ${DEFAULT_PIDNS}`,
      exitCode: isPermission ? ExitCode.permission : ExitCode.failed,
    });
  }
  const isSame = before.state === 'absent' && unit === null;
  return { outcome: isSame ? 'unchanged' : 'disabled', unit };
}
