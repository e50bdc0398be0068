// SPDX-License-Identifier: GPL-2.0-only
/** In a guest: what the kernel has logged. */
import { constants, openSync, readSync } from 'node:fs';

const ALARMS =
  /WARNING:|BUG:|Oops|Call Trace|refcount_t:|protection fault|stall|use-after-free|scheduling while|suspicious RCU/;

/** The kernel log from the moment on when it is opened. */
export class KernelLog {
  private readonly log = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK);

  constructor() {
    this.read();
  }

  /** Returns the records since the last call. */
  private read(): string[] {
    const record = Buffer.alloc(8192);
    const found: string[] = [];
    try {
      for (;;) found.push(record.toString('utf8', 0, readSync(this.log, record)));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    }
    return found;
  }

  /** Throws with the new records that should not be there. */
  check(): void {
    const alarms = this.read().filter((text) => ALARMS.test(text));
    if (alarms.length > 0) throw new Error(alarms.join(''));
  }
}
