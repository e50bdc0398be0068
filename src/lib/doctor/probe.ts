// SPDX-License-Identifier: GPL-2.0-only
/**
 * The program that proof.ts runs in other namespaces: translates its own PID to the host's and back, by each method, and
 * stays until its standard input ends, so that what it says can be compared with /proc. Descriptor 3 is the namespace file.
 */
import { fstatSync } from 'node:fs';
import { MpuError, messageOf } from '../errors.js';
import { translate, type TranslateOptions, type TranslationMethod } from '../translator.js';
import type { MethodAnswer, ProbeAnswer } from './proof.js';

const PIDNS_DESCRIPTOR = 3;

async function ask(options: TranslateOptions): Promise<MethodAnswer> {
  try {
    const [host = 0] = await translate([process.pid], 'to-host', options);
    const [back = 0] = await translate([host], 'to-ns', options);
    return { host, back };
  } catch (error) {
    return { why: error instanceof MpuError ? error.why : messageOf(error) };
  }
}

function hasNamespaceFile(): boolean {
  try {
    return fstatSync(PIDNS_DESCRIPTOR).isFile();
  } catch {
    return false;
  }
}

const methods: Partial<Record<TranslationMethod, MethodAnswer>> = { netlink: await ask({ method: 'netlink' }) };
if (hasNamespaceFile()) methods.nsfs = await ask({ method: 'nsfs', pidns: `/proc/self/fd/${PIDNS_DESCRIPTOR}` });
const answer: ProbeAnswer = { pid: process.pid, methods };
process.stdout.write(`${JSON.stringify(answer)}\n`);
process.stdin.resume();
