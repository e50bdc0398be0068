// SPDX-License-Identifier: GPL-2.0-only
/** How other libraries and unusual ways of loading get along with libmpu.so; the limits are asserted as they are. */
import t from 'tap';
import { built, library, run } from './library.js';

const mpu = library('x86_64');
const interposer = built('interposer.so');

/** Which libraries the dynamic loader bound ioctl to, by the name of the file that calls it. */
function bindings(command: string, args: string[], preload: string): Map<string, string> {
  const { stderr } = run(command, args, { LD_PRELOAD: preload, LD_DEBUG: 'bindings', LD_BIND_NOW: '1' });
  const found = new Map<string, string>();
  for (const match of stderr.matchAll(/binding file (\S+) \[\d+\] to (\S+) \[\d+\]: normal symbol `ioctl'/g)) {
    found.set(match[1] ?? '', match[2] ?? '');
  }
  return found;
}

void t.test('other libraries that define ioctl', (t) => {
  const plain = built('plain');
  const without = run(plain, ['files']);
  const above = run(plain, ['files'], { LD_PRELOAD: `${interposer} ${mpu}` });
  t.equal(above.stdout, without.stdout, 'named before: results are the same');
  t.match(above.stderr, /^interposer: [1-9]\d* calls\n$/, 'and it sees every call');
  const below = run(plain, ['files'], { LD_PRELOAD: `${mpu} ${interposer}` });
  t.equal(below.stdout, without.stdout, 'named behind: results are the same');
  t.equal(below.stderr, 'interposer: 0 calls\n', 'but it is not called: libmpu.so makes the system call itself');
  t.equal(run(plain, ['files'], { LD_PRELOAD: `${mpu} ${mpu}` }).stdout, without.stdout, 'named twice');
  t.end();
});

void t.test('libraries loaded at run time', (t) => {
  const loader = built('loader');
  const plugin = built('plugin.so');
  t.equal(bindings(loader, ['dlopen', plugin], mpu).get(plugin), mpu, 'dlopen: bound to libmpu.so');
  t.equal(
    bindings(loader, ['deepbind', plugin], mpu).get(plugin)?.includes('libc.so'),
    true,
    'RTLD_DEEPBIND: bound to libc (limit)',
  );
  t.equal(
    bindings(loader, ['dlmopen', plugin], mpu).get(plugin)?.includes('libc.so'),
    true,
    'dlmopen: bound to libc (limit)',
  );
  t.end();
});

void t.test('Python, whose fcntl module is loaded at run time', (t) => {
  const code = `
import fcntl, os, termios, array
def attempt(fd, request, argument):
    try:
        return fcntl.ioctl(fd, request, argument)
    except OSError as error:
        return error.errno
reader, writer = os.pipe()
os.write(writer, b'abc')
count = array.array('i', [0])
print(attempt(reader, termios.FIONREAD, count), count[0], attempt(reader, 0xc020462a, bytes(32)),
      attempt(reader, 0xc01046d3, bytes(16)), attempt(reader, termios.TIOCGWINSZ, 0))
`;
  const without = run('python3', ['-c', code]);
  t.equal(without.stdout, '0 3 25 25 25\n', 'without', { stderr: without.stderr });
  t.same(run('python3', ['-c', code], { LD_PRELOAD: mpu }), without, 'the same with the library');
  t.end();
});

void t.test('a list of entries under musl', (t) => {
  const { status, stderr } = run(built('plain-musl'), ['files'], { LD_PRELOAD: `${mpu}:${mpu}` });
  t.equal(status, 0, 'is understood');
  t.equal(stderr, '', 'silently');
  t.end();
});

void t.test('a 32-bit program with the 64-bit library', (t) => {
  const { status, stdout, stderr } = run(built('plain-i386'), ['loaded'], { LD_PRELOAD: mpu });
  t.equal(status, 0, 'runs');
  t.equal(stdout, 'not loaded\n', 'without it');
  t.match(stderr, /wrong ELF class/, 'after an error line of the loader (why $LIB is in the path)');
  t.end();
});
