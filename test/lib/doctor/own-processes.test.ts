// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { describeOwn } from '#mpu/lib/doctor/own-processes.js';

void t.test("a container's GPU processes", (t) => {
  t.match(describeOwn([]), { verdict: 'info', why: /none/ });
  t.match(
    describeOwn([
      { hostPid: 4711, containerPid: 7, memory: 8192 },
      { hostPid: 4712, containerPid: null, memory: null },
    ]),
    { verdict: 'ok', why: /PID 7 with 8192 MiB, PID 4712 with memory that the driver does not tell$/ },
  );
  t.end();
});
