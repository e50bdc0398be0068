// SPDX-License-Identifier: GPL-2.0-only
/** libmpu-client as installed: what it is made of, and its answers by namespace file on the kernel that runs. test/guest asks mpu.ko. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readlinkSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '#mpu/lib/package/root.js';
import { cannotUnshare } from '../rm-sim/session.js';

const ARCHITECTURES = { x86_64: 'EM_X86_64|X86-64', i386: 'Intel 80386', aarch64: 'AArch64' };
const INITIAL = 'pid:[4026531836]';
const [major = 0, minor = 0] = release().split('.').map(Number);

const cannot =
  cannotUnshare !== false
    ? cannotUnshare
    : readlinkSync('/proc/self/ns/pid') !== INITIAL
      ? 'LOUD SKIP: not tested, this is not the initial PID namespace'
      : major > 6 || (major === 6 && minor >= 11)
        ? false
        : `LOUD SKIP: not tested, Linux ${release()} has no translation by namespace files`;

function run(command: string, args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout: 120_000 });
  return error ? { status: null, stdout: '', stderr: String(error) } : { status, stdout, stderr };
}

for (const [architecture, machine] of Object.entries(ARCHITECTURES)) {
  void t.test(`the library for ${architecture}`, (t) => {
    const archive = join(packageRoot, 'build', 'client', architecture, 'libmpu-client.a');
    t.match(run('readelf', ['--file-header', archive]).stdout, new RegExp(machine), 'is for that architecture');
    const symbols = (option: string): string[] => [
      ...new Set(
        run('nm', [option, '--format=just-symbols', archive])
          .stdout.split('\n')
          .filter((line) => /^\w+$/.test(line)),
      ),
    ];
    const defined = symbols('--defined-only').filter((name) => !/^(__x86|\$|\.)/.test(name));
    const functions = ['mpu_client_host_pid', 'mpu_client_to_host', 'mpu_client_to_ns'];
    t.ok(
      functions.every((name) => defined.includes(name)),
      'has its three functions',
    );
    const foreign = symbols('--undefined-only').filter(
      (name) => name !== '_GLOBAL_OFFSET_TABLE_' && !defined.includes(name),
    );
    t.same(foreign, [], 'needs nothing of any other library');
    const external = symbols('--extern-only').filter(
      (name) => name !== '_GLOBAL_OFFSET_TABLE_' && !name.startsWith('mpu_'),
    );
    t.same(external, [], 'takes no name but those with its prefix');
    const writable = run('size', ['--format=sysv', archive])
      .stdout.split('\n')
      .filter((line) => /^\.(data|bss|tdata|tbss)\S*\s+[1-9]/.test(line));
    t.same(writable, [], 'keeps no state');
    t.end();
  });
}

const WARNINGS = ['-Wall', '-Wextra', '-Werror', '-Wconversion', '-Wshadow', '-pedantic'];
const COMPILERS = {
  'gcc, C99': ['gcc', '-std=c99', '-D_GNU_SOURCE'],
  'clang, C11': ['clang', '-std=c11', '-D_GNU_SOURCE'],
  'g++, C++98': ['g++', '-x', 'c++', '-std=c++98', '-Wno-long-long'],
  'clang, C++20': ['clang++', '-x', 'c++', '-std=c++20'],
  'musl, static': ['musl-gcc', '-std=c99', '-D_GNU_SOURCE', '-static'],
};

void t.test('programs built with the installed library', async (t) => {
  const prefix = t.testdir();
  const install = run('cmake', ['--install', join(packageRoot, 'build'), '--component', 'client', '--prefix', prefix]);
  t.equal(install.status, 0, 'it installs', install);
  const flags = ['-I', join(prefix, 'include'), '-L', join(prefix, 'lib')];
  const source = join(packageRoot, 'test', 'client', 'ask.c');
  const programs = new Map<string, string>();
  for (const [name, [compiler = '', ...options]] of Object.entries(COMPILERS)) {
    const program = join(prefix, name.replace(/\W+/g, '-'));
    const built = run(compiler, [
      ...options,
      ...WARNINGS,
      '-O2',
      '-pthread',
      ...flags,
      source,
      '-x',
      'none',
      '-lmpu-client',
      '-o',
      program,
    ]);
    t.equal(built.status, 0, `${name}: compiles without a warning`, built);
    programs.set(name, program);
  }

  const HERE = ['sh', '-c', 'exec "$@"', 'sh'];
  const container = (setup: string): string[] => [
    ...['unshare', '--mount', '--propagation', 'private', 'sh', '-euc'],
    `mount -t tmpfs none /run; mkdir /run/mpu; touch /run/mpu/pidns; ${setup}; exec unshare --pid --fork --kill-child --mount-proc "$@"`,
    'sh',
  ];
  const MOUNTED = container('mount --bind /proc/self/ns/pid /run/mpu/pidns');
  const ask = (where: string[], program: string, ...args: string[]): string => {
    const [command = '', ...rest] = [...where, program, ...args];
    const { stdout, stderr } = run(command, rest);
    return stdout.trim().split('\n').join(' ') + stderr;
  };
  const numbers = (where: string[], program: string): string => ask(where, program, 'self');
  const gcc = programs.get('gcc, C99') ?? '';

  await t.test('on the host', (t) => {
    for (const [name, program] of programs)
      t.match(numbers(HERE, program), /^(\d+) \1$/, `${name}: both numbers are the same`);
    t.equal(
      ask(HERE, gcc, 'to-host', String(process.pid), '0', '4294967295', '4194305'),
      `${process.pid} 0 0 0`,
      'a list',
    );
    t.end();
  });

  await t.test('in a container with the namespace file', { skip: cannot }, async (t) => {
    for (const [name, program] of programs) {
      const [command, ...rest] = [...MOUNTED, program, 'self'];
      const child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
      const said = String(((await once(child.stdout, 'data')) as unknown[])[0]);
      const [inside, host = ''] = said.trim().split(' ');
      t.equal(inside, '1', `${name}: PID 1 there`);
      t.match(
        readFileSync(`/proc/${host}/status`, 'utf8'),
        new RegExp(`^NSpid:\\s+${host}\\s+1$`, 'm'),
        `${name}: and its number here`,
      );
      t.equal(readlinkSync(`/proc/${host}/exe`), program, `${name}: which is its own`);
      child.stdin.end();
      await once(child, 'close');
    }
    t.equal(ask(MOUNTED, gcc, 'to-ns', String(process.pid), '1', '4000000'), '0 0 0', 'processes outside are nobody');
    t.equal(ask(MOUNTED, gcc, 'many', '10000'), 'right', 'a list longer than one question');
    t.equal(ask(MOUNTED, gcc, 'many', '0'), 'right', 'an empty list');
    for (const name of ['gcc, C99', 'musl, static']) {
      t.equal(
        ask(MOUNTED, programs.get(name) ?? '', 'storm'),
        'right',
        `${name}: threads, signal handlers and forks at once`,
      );
    }
    t.equal(ask(MOUNTED, gcc, 'exhausted'), 'error 24', 'no descriptor left: EMFILE');
  });

  await t.test('where nothing translates', { skip: cannot }, (t) => {
    t.equal(numbers(container('rm /run/mpu/pidns'), gcc), 'error 2', 'no file: ENOENT');
    t.equal(numbers(container(':'), gcc), 'error 18', 'a file that is no namespace: EXDEV');
    const nested = [
      ...container('mount --bind /proc/self/ns/pid /run/mpu/pidns'),
      ...container('mount --bind /proc/self/ns/pid /run/mpu/pidns'),
    ];
    t.equal(numbers(nested, gcc), 'error 18', "a container's namespace: EXDEV");
    t.equal(ask(container('rm /run/mpu/pidns'), gcc, 'to-ns', '1'), 'error 2', 'lists say so, too');
    t.end();
  });
});
