// SPDX-License-Identifier: GPL-2.0-only
/** Words of ioctl requests: the driver reads number and size alone, and so does libmpu.so. Other devices are left alone. */
import { existsSync } from 'node:fs';
import t from 'tap';
import { cannotUnshare } from '../rm-sim/session.js';
import { Container, PIDNS } from './container.js';
import { type Architecture, built, library, run } from './library.js';

const WORDS = 500;
const SEEDS = [1, 20, 300];

const flavours: { name: string; program: string; architecture: Architecture }[] = [
  { name: '64-bit glibc', program: 'words', architecture: 'x86_64' },
  { name: 'musl, whose request is an int', program: 'words-musl', architecture: 'x86_64' },
  { name: '32-bit glibc', program: 'words-i386', architecture: 'i386' },
];
const missing = (program: string): string | false =>
  existsSync(built(program)) ? false : `LOUD SKIP: ${program} is not built`;

void t.test('random words to the driver', { skip: cannotUnshare }, async (t) => {
  const container = await Container.start();
  t.teardown(() => container.stop());

  for (const { name, program, architecture } of flavours) {
    await t.test(name, { skip: missing(program) }, async (t) => {
      for (const seed of SEEDS) {
        const ask = async (environment: Record<string, string>): Promise<string[]> => {
          const { rest, code } = await container.run(`${built(program)} driver ${seed} ${WORDS}`, environment);
          t.equal(code, 0, 'runs', { rest });
          return rest.split('\n');
        };
        const without = await ask({});
        const found = await ask({ LD_PRELOAD: library(architecture), MPU_PIDNS: PIDNS });
        t.equal(without.length, WORDS + 1, 'a line for each word');
        const self = Number(found.at(-1)?.split(' ')[1]);
        const right = container.right({ status: 0, self, pids: [] }).join(' ');
        // Without the library there are four host PIDs.
        const controls = without.filter((line) => /^listed \S+( \d+){4}$/.test(line));
        t.ok(controls.length > WORDS / 4, `seed ${seed}: the driver answers ${controls.length} words`);
        t.same(
          found.slice(0, -1),
          without.slice(0, -1).map((line) => line.replace(/^(listed \S+).*/, `$1 ${right}`)),
          'with the library each of those is right, and every other word is as without',
        );
      }
    });
  }
});

void t.test('the same words to another device that accepts them', (t) => {
  for (const { name, program, architecture } of flavours) {
    // strace answers every ioctl with success, so nobody has read the argument.
    const { status, stdout, stderr } = run(
      'strace',
      ['-qq', '-o', '/dev/null', '-e', 'inject=ioctl:retval=0', built(program), 'device', '/dev/null'],
      { LD_PRELOAD: library(architecture) },
    );
    t.equal(status, 0, `${name}: no crash`, { stderr });
    const lines = stdout.split('\n').filter((line) => line !== '');
    t.ok(lines.length > 40, `${lines.length} requests`);
    t.same(
      lines.filter((line) => !line.endsWith(': 0, errno 77')),
      [],
      'success, and errno is untouched',
    );
  }
  t.end();
});
