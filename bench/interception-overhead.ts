// SPDX-License-Identifier: GPL-2.0-only
/** Instructions of an ioctl in a guest, with interception off and on; bench/interception-overhead runs it. */
import { onlySubject, runGuest } from '../test/guest/harness/guest.js';
import { kernelOf, SERIES } from '../test/guest/harness/kernels.js';
import { interceptionInitramfs } from '../test/guest/harness/interception.js';

const CALLERS = ['host', 'container'];
const QUESTIONS = ['other_device', 'escape', 'control', 'get_pids'];
const TIMEOUT_S = 1_200;

const asked = process.argv[2] ?? '6.12';
const series = SERIES.find((known) => known === asked);
if (series === undefined) throw new Error(`no kernel ${asked}: ${SERIES.join(', ')}`);
const kernel = await kernelOf(series);
const initramfs = await interceptionInitramfs(kernel);
const task = { subject: 'bench-intercept', timeout: TIMEOUT_S } as const;
const result = await runGuest(kernel, initramfs, [task], { cpus: 'counted' });
if (!result.finished || onlySubject(result).cases.some(({ ok }) => !ok)) throw new Error(result.ending);

/** Instructions by name: the clock of such a guest gives each a nanosecond. */
const counts = new Map(
  result.measurements.map((line): [string, number] => {
    const [name = '', microseconds] = line.split(' ');
    return [name, Math.round(Number(microseconds) * 1000)];
  }),
);
for (const caller of CALLERS) {
  for (const question of QUESTIONS) {
    const off = counts.get(`${caller}_off_${question}`);
    const on = counts.get(`${caller}_on_${question}`);
    if (!(off && on)) throw new Error(`no figure for ${caller} ${question}`);
    process.stdout.write(`${caller} ${question} ${off} ${on} ${(on / off).toFixed(3)}\n`);
  }
}
