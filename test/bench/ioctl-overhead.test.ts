// SPDX-License-Identifier: GPL-2.0-only
/** What libmpu.so adds to every ioctl of every program, in instructions: counted, so the same on every machine. */
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '#mpu/lib/package/root.js';
import { run } from '../preload/library.js';

/** For ioctls that are none of NVIDIA's. libc's own function is longer than the library's. */
const MAX_ADDED = 0;
/** For RM controls that carry no PID, of which a CUDA program makes thousands. */
const MAX_ADDED_TO_CONTROL = 100;

const BENCHMARK = join(packageRoot, 'bench', 'ioctl-overhead');

void t.test('instructions added to an ioctl', (t) => {
  const { status, stdout, stderr } = run(BENCHMARK);
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

void t.test('a run without a figure', (t) => {
  for (const [name, script] of [
    ['nothing was counted', '#!/bin/sh\nexit 0\n'],
    [
      'a file without a total',
      '#!/bin/sh\nfor word; do case $word in --callgrind-out-file=*) : >"${word#*=}" ;; esac; done\n',
    ],
    ['the program failed', '#!/bin/sh\necho "no such program" >&2\nexit 1\n'],
  ] as const) {
    const directory = t.testdir({ valgrind: script });
    chmodSync(join(directory, 'valgrind'), 0o755);
    const { status, stdout, stderr } = run(BENCHMARK, [], { PATH: `${directory}:${process.env.PATH ?? ''}` });
    t.equal(status, 1, name);
    t.notMatch(stdout, /\d/, 'no figure is printed');
    t.match(stderr, /counted nothing for fails|no figure for fails|no such program/, 'the reason is');
  }
  t.end();
});
