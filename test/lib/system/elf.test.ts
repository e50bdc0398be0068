// SPDX-License-Identifier: GPL-2.0-only
/** Sections of ELF files, read from the libraries of every architecture. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { versionIn } from '#mpu/lib/doctor/library.js';
import { elfMachine, elfSection } from '#mpu/lib/system/elf.js';
import { sourceVersion } from '#mpu/lib/module/source.js';
import { checkout, run } from '../../support/mpu.js';

const MACHINES = { x86_64: 62, aarch64: 183, i386: 3 };

for (const [architecture, machine] of Object.entries(MACHINES)) {
  await t.test(architecture, async (t) => {
    const path = join(checkout, 'build', 'preload', architecture, 'libmpu.so');
    const data = await readFile(path);
    t.equal(elfMachine(data), machine);
    t.equal(versionIn(data), await sourceVersion(), 'the library tells its version');
    t.equal(elfSection(data, '.nothing'), undefined);
    for (const length of [0, 4, 30, 64, data.length - 100])
      t.equal(versionIn(data.subarray(0, length)), undefined, `cut off after ${length} bytes`);
    const { stdout } = await run('readelf', ['--wide', '--sections', path]);
    const flags = /\.mpu\.version\s+PROGBITS\s+0+ \w+ \w+ \w+ +(\w*) +\d+ +\d+ +\d+/.exec(stdout)?.[1];
    t.equal(flags, '', 'and no process pays for that: the section is not loaded');
  });
}

await t.test('other files', (t) => {
  t.equal(versionIn(Buffer.from('#!/bin/sh\n')), undefined);
  t.equal(elfMachine(Buffer.from('#!/bin/sh, and some more')), undefined);
  t.end();
});
