// SPDX-License-Identifier: GPL-2.0-only
/** Programs of the oldest glibc that is to be had load libmpu.so, and do not notice. */
import { join } from 'node:path';
import t from 'tap';
import { lacking } from '../support/engines.js';
import { oldGlibc } from '../support/old-glibc.js';
import { type Outcome, library, run } from './library.js';

const foreign = process.arch !== 'x64' && 'NOT TESTED: the programs are for x86-64';
await t.test('glibc 2.31', { skip: foreign || (await lacking(['dpkg-deb', 'apt-get'])) }, async (t) => {
  const root = await oldGlibc();
  const libraries = join(root, 'lib/x86_64-linux-gnu');
  const program = (name: string, args: string[], environment: Record<string, string>): Outcome =>
    run(join(libraries, 'ld-2.31.so'), ['--library-path', libraries, join(root, 'bin', name), ...args], {
      LC_ALL: 'C',
      ...environment,
    });
  const preloaded = { LD_PRELOAD: library('x86_64') };

  const maps = program('cat', ['/proc/self/maps'], preloaded);
  t.match(maps, { status: 0, stderr: '' });
  t.match(maps.stdout, /r-xp .*\/libmpu\.so\n/);
  t.match(maps.stdout, /r-xp .*\/libc-2\.31\.so\n/, 'beside that libc');

  for (const binding of [{}, { LD_BIND_NOW: '1' }]) {
    // A terminal's size is asked for by ioctl, which fails with ENOTTY.
    const stty = program('stty', ['--file=/dev/null', 'size'], { ...preloaded, ...binding });
    t.match(stty, { status: 1, stderr: /Inappropriate ioctl for device/ });
    t.same(stty, program('stty', ['--file=/dev/null', 'size'], binding), 'errno is what it is without the library');
  }
});
