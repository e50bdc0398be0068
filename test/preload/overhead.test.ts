// SPDX-License-Identifier: GPL-2.0-only
/** What libmpu.so adds to every ioctl of every program, in instructions: counted, so the same on every machine. */
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '#mpu/lib/package/root.js';
import { run } from './library.js';

/** For ioctls that are none of NVIDIA's. libc's own function is longer than the library's. */
const MAX_ADDED = 0;
/** For RM controls that carry no PID, of which a CUDA program makes thousands. */
const MAX_ADDED_TO_CONTROL = 100;

void t.test('instructions added to an ioctl', (t) => {
  const { status, stdout, stderr } = run(join(packageRoot, 'bench', 'ioctl-overhead'));
  t.equal(status, 0, 'the measurement runs', { stderr });
  const added = new Map(
    stdout
      .split('\n')
      .slice(1)
      .filter((line) => line !== '')
      .map((line) => line.trim().split(/\s+/))
      .map(([kind = '', without, , more]) => [kind, { without: Number(without), added: Number(more) }] as const),
  );
  for (const [kind, most] of [
    ['fails', MAX_ADDED],
    ['succeeds', MAX_ADDED],
    ['control', MAX_ADDED_TO_CONTROL],
  ] as const) {
    const found = added.get(kind);
    t.ok(found && found.without > 10, `${kind}: calls were counted`);
    t.ok(found && found.added <= most, `${kind}: ${found?.added ?? '?'} added, ${most} at most`);
  }
  t.end();
});
