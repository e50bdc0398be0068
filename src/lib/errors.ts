// SPDX-License-Identifier: GPL-2.0-only
/** Errors that tell a person what happened, why, and what to do next. */

/** Exit codes of the `mpu` command. */
export const ExitCode = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** The host lacks something that is needed, e.g. a container engine. */
  hostUnsupported: 3,
  permission: 4,
} as const;

/** The parts of an {@link MpuError}. */
export interface MpuErrorParts {
  /** Stable kebab-case name, for programs. */
  code: string;
  /** What could not be done, as a sentence without a full stop. */
  what: string;
  /** Why it could not be done. */
  why: string;
  /** What to do about it, preferably a command to type. */
  next: string;
  /** Defaults to {@link ExitCode.failed}. */
  exitCode?: number;
  /** The error that led to this one. */
  cause?: unknown;
}

/** An error with an explanation and a way out; everything `mpu` refuses ends as one of these. */
export class MpuError extends Error {
  override readonly name = 'MpuError';
  readonly code: string;
  readonly what: string;
  readonly why: string;
  readonly next: string;
  readonly exitCode: number;

  constructor(parts: MpuErrorParts) {
    super(`${parts.what}: ${parts.why}`, { cause: parts.cause });
    this.code = parts.code;
    this.what = parts.what;
    this.why = parts.why;
    this.next = parts.next;
    this.exitCode = parts.exitCode ?? ExitCode.failed;
  }
}

/** The error of a request that cannot be carried out as it was written: exit code 2. */
export function usageError(what: string, why: string, next: string): MpuError {
  return new MpuError({ code: 'usage', what, why, next, exitCode: ExitCode.usage });
}

/** The errno name (`ENOENT`, ...) that a Node system error carries, undefined for any other value. */
export function errnoName(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Turns a failed file operation into an {@link MpuError}: a permission problem exits 4 and a full
 * disk is named; anything else is an ordinary failure. An MpuError passes through.
 */
export function fileError(error: unknown, what: string): MpuError {
  if (error instanceof MpuError) return error;
  const why = messageOf(error);
  switch (errnoName(error)) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new MpuError({
        code: 'permission-denied',
        what,
        why,
        next: 'run it as the owner of the files or as root, on a file system mounted for writing',
        exitCode: ExitCode.permission,
        cause: error,
      });
    case 'ENOSPC':
    case 'EDQUOT':
      return new MpuError({ code: 'disk-full', what, why, next: 'free some space and run it again', cause: error });
    default:
      return new MpuError({ code: 'file-error', what, why, next: 'check the path and run it again', cause: error });
  }
}

/** The error of a run that was interrupted; `signal.reason` may name the signal that did it, `state` says what is now. */
export function interruptedError(signal: AbortSignal, state = 'nothing was changed'): MpuError {
  const name = typeof signal.reason === 'string' ? signal.reason : 'SIGINT';
  return new MpuError({
    code: 'interrupted',
    what: 'interrupted',
    why: `${name} was received; ${state}`,
    next: 'run it again',
    exitCode: 128 + (name === 'SIGTERM' ? 15 : name === 'SIGHUP' ? 1 : 2),
  });
}

/** Throws {@link interruptedError} once the signal has fired. */
export function throwIfInterrupted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw interruptedError(signal);
}
