// SPDX-License-Identifier: GPL-2.0-only
/** Measures mpu.ko in guests of one kernel; bench/translation-latency runs it and, with "host-pid", bench/host-pid-latency. */
import { buildInitramfs, buildModule } from '../test/guest/harness/build.js';
import { onlySubject, runGuest, type GuestOptions } from '../test/guest/harness/guest.js';
import { kernelOf, SERIES } from '../test/guest/harness/kernels.js';
import { outsideLimits } from './translation-limits.js';

const TIMEOUT_S = 300;

const asked = process.argv[2] ?? '6.12';
const series = SERIES.find((known) => known === asked);
if (series === undefined) throw new Error(`no kernel ${asked}: ${SERIES.join(', ')}`);
const kernel = await kernelOf(series);
const initramfs = await buildInitramfs(kernel, (await buildModule(kernel)).path);

/** The numbers of a run by name; all of those that were measured more than once. */
async function measure(options: GuestOptions): Promise<Map<string, number[]>> {
  const result = await runGuest(kernel, initramfs, [{ subject: 'bench', timeout: TIMEOUT_S }], options);
  if (!result.finished || onlySubject(result).cases.some(({ ok }) => !ok)) throw new Error(result.ending);
  const numbers = new Map<string, number[]>();
  for (const line of result.measurements) {
    const [name = '', value] = line.split(' ');
    numbers.set(name, [...(numbers.get(name) ?? []), Number(value)]);
  }
  return numbers;
}

const single = (numbers: Map<string, number[]>, name: string): number => {
  const [first = NaN] = numbers.get(name) ?? [];
  return first;
};
const figures = new Map<string, number>();
const print = (name: string, value: number, unit: string): void => {
  if (!(value > 0 && value < Infinity)) throw new Error(`no figure for ${name}`);
  figures.set(name, value);
  process.stdout.write(`${name} ${value.toFixed(2)} ${unit}\n`);
};

// Instructions do not depend on what else this machine does. Copies count a byte each in the emulation, so the fair
// comparison is with an echo of the same bytes.
const counted = await measure({ cpus: 'counted' });
if (process.argv[3] === 'host-pid') {
  for (const name of ['client', 'broker']) print(`guest_${name}`, single(counted, name), '1000 instructions');
  print('guest_broker/guest_client', single(counted, 'broker') / single(counted, 'client'), 'ratio');
  process.exit();
}
for (const name of ['family', 'get', 'echo_950', 'to_ns_1', 'to_ns_950', 'to_ns_950_middle', 'to_ns_950_large']) {
  print(name, single(counted, name), '1000 instructions');
}
print('to_ns_950/echo_950', single(counted, 'to_ns_950') / single(counted, 'echo_950'), 'ratio');
print('to_ns_950_middle/echo_950', single(counted, 'to_ns_950_middle') / single(counted, 'echo_950'), 'ratio');
print('to_ns_950_large/echo_950', single(counted, 'to_ns_950_large') / single(counted, 'echo_950'), 'ratio');
print('to_ns_1/get', single(counted, 'to_ns_1') / single(counted, 'get'), 'ratio');
print('to_ns_950/family', single(counted, 'to_ns_950') / single(counted, 'family'), 'ratio');

// The CPUs must be this machine's own: what other programs leave to one caller and to two says little about the module. The
// best of each, because a sample that was disturbed says nothing.
const parallel = await measure({ cpus: 'in-parallel' });
const best = (name: string): number => Math.max(...(parallel.get(name) ?? [NaN]));
print('two_callers/one_caller', best('two_callers') / best('one_caller'), 'ratio');

const complaints = outsideLimits(figures);
for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
process.exitCode = complaints.length === 0 ? 0 : 1;
