// SPDX-License-Identifier: GPL-2.0-only
/** Programs that have nothing to do with a GPU behave as without libmpu.so, to the last errno. */
import t from 'tap';
import { type Architecture, built, library, type Outcome, run } from './library.js';

interface Flavour {
  name: string;
  program: string;
  architecture: Architecture;
  /** Command words that run a foreign program; the preload variable is given to it. */
  emulator?: (preload: string) => string[];
  /** False for programs that no library can be preloaded into. */
  dynamic: boolean;
  modes: string[];
}

const ALL = ['files', 'threads', 'forks', 'stacks'];
const qemu =
  (...options: string[]) =>
  (preload: string): string[] => [
    'qemu-aarch64-static',
    ...options,
    '-L',
    '/usr/aarch64-linux-gnu',
    ...(preload === '' ? [] : ['-E', `LD_PRELOAD=${preload}`]),
  ];

const glibc: Flavour = { name: 'glibc', program: 'plain', architecture: 'x86_64', dynamic: true, modes: ALL };
const flavours: Flavour[] = [
  glibc,
  { name: 'musl', program: 'plain-musl', architecture: 'x86_64', dynamic: true, modes: ALL },
  { name: '32-bit glibc', program: 'plain-i386', architecture: 'i386', dynamic: true, modes: ALL },
  { name: 'static', program: 'plain-static', architecture: 'x86_64', dynamic: false, modes: ALL },
  { name: 'static-pie', program: 'plain-static-pie', architecture: 'x86_64', dynamic: false, modes: ALL },
  // qemu answers unknown requests before it looks at the descriptor, so stacks has nothing to see there.
  {
    name: 'aarch64',
    program: 'plain-aarch64',
    architecture: 'aarch64',
    emulator: qemu(),
    dynamic: true,
    modes: ['files', 'forks'],
  },
];

function runPlain(flavour: Flavour, mode: string, preload: string): Outcome {
  const program = built(flavour.program);
  if (flavour.emulator) {
    const [command = '', ...words] = flavour.emulator(preload);
    return run(command, [...words, program, mode]);
  }
  return run(program, [mode], preload === '' ? {} : { LD_PRELOAD: preload });
}

for (const flavour of flavours) {
  void t.test(flavour.name, (t) => {
    const preload = library(flavour.architecture);
    const loaded = runPlain(flavour, 'loaded', preload);
    t.equal(
      loaded.stdout,
      flavour.dynamic ? 'loaded\n' : 'not loaded\n',
      'the library is in the process, if it can be',
    );
    t.equal(loaded.stderr, '', 'and the loader has nothing to say about it');
    for (const mode of flavour.modes) {
      const without = runPlain(flavour, mode, '');
      t.equal(without.status, 0, `${mode} runs without`, { stderr: without.stderr });
      t.ok(without.stdout.split('\n').length > 2, `${mode} says something`);
      t.same(runPlain(flavour, mode, preload), without, `${mode}: the same with the library`);
    }
    if (flavour.modes.includes('stacks')) {
      const { stdout } = runPlain(flavour, 'stacks', preload);
      t.equal(stdout, 'thread with 16 KB: 1\nhandler on another stack: 1\n', 'small stacks suffice');
      const lines = runPlain(flavour, 'threads', preload)
        .stdout.split('\n')
        .filter((line) => line !== '');
      t.equal(lines.length, 8, 'all threads end');
      t.ok(
        lines.every((line) => line.endsWith(': 0 wrong')),
        'each has its own errno',
      );
    }
    t.end();
  });
}

void t.test('aarch64 kernels with 64 KB pages load it too', (t) => {
  const preload = library('aarch64');
  const [command = '', ...words] = qemu('-p', '65536', '-E', 'LD_DEBUG=libs')(preload);
  const { status, stderr } = run(command, [...words, built('plain-aarch64'), 'loaded']);
  t.equal(status, 0, 'runs');
  t.match(stderr, `calling init: ${preload}`, 'with the library');
  t.notMatch(stderr, /cannot be preloaded/, 'which the loader takes');
  t.end();
});

void t.test('every errno of ioctl is handed on', (t) => {
  const { stdout } = runPlain(glibc, 'files', library('x86_64'));
  t.match(stdout, /no descriptor 0xc020462a NULL: -1, errno 9\n/, 'EBADF');
  t.match(stdout, /file 0xc020462a address 1: -1, errno 25\n/, 'ENOTTY');
  t.match(stdout, /pipe 0x541b NULL: -1, errno 14\n/, 'EFAULT');
  t.match(stdout, /pipe with 5 bytes 0x541b buffer: 0, errno 77\n/, 'none after success');
  t.end();
});
