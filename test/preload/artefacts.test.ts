// SPDX-License-Identifier: GPL-2.0-only
/** What libmpu.so is made of: it is loaded into every process of an image, so everything it does not need is left out. */
import { statSync } from 'node:fs';
import t from 'tap';
import { ARCHITECTURES, type Architecture, library, run } from './library.js';

const MAX_SIZE = 18 * 1024;
/** In struct mpu_rm_ops. */
const CALLBACKS = 6;
const MACHINES: Record<Architecture, RegExp> = {
  x86_64: /X86-64/,
  i386: /Intel 80386/,
  aarch64: /AArch64/,
};
/** The largest page of the kernels of an architecture: ld.so refuses a library with a smaller alignment. */
const PAGES: Record<Architecture, number> = { x86_64: 4096, i386: 4096, aarch64: 65536 };

/** What the loader of glibc 2.17 takes from a dynamic section; those of processors only say how it was built. */
const OLD_TAGS =
  /\((SONAME|HASH|GNU_HASH|STRTAB|SYMTAB|STRSZ|SYMENT|PLTGOT|PLTRELSZ|PLTREL|JMPREL|RELA?|RELA?SZ|RELA?ENT|RELA?COUNT|BIND_NOW|FLAGS|FLAGS_1|NULL|AARCH64_BTI_PLT|AARCH64_PAC_PLT)\)/;

for (const architecture of ARCHITECTURES) {
  void t.test(architecture, (t) => {
    const file = library(architecture);
    const read = (...options: string[]): string => {
      const { status, stdout, stderr } = run('readelf', ['--wide', ...options, file], { LC_ALL: 'C' });
      t.equal(status, 0, `readelf ${options.join(' ')}`, { stderr });
      return stdout;
    };
    const lines = (text: string, pattern: RegExp): string[] => text.split('\n').filter((line) => pattern.test(line));

    const header = read('--file-header');
    t.match(header, /Type:\s+DYN/, 'a shared object');
    t.match(header, MACHINES[architecture], 'of this architecture');
    const { size } = statSync(file);
    t.ok(size > 0 && size <= MAX_SIZE, `${size} bytes: 18 KB at most`);

    const dynamic = read('--dynamic');
    t.match(dynamic, /\(SYMTAB\)/, 'has a dynamic section');
    for (const tag of [
      'NEEDED',
      'TEXTREL',
      'INIT',
      'INIT_ARRAY',
      'FINI',
      'FINI_ARRAY',
      'PREINIT_ARRAY',
      'RPATH',
      'RUNPATH',
    ]) {
      t.notMatch(dynamic, new RegExp(`\\(${tag}\\)`), `no ${tag}`);
    }

    // No system with it can be had here; glibc 2.31 is the oldest that a test runs.
    t.same(
      lines(dynamic, /^ *0x/).filter((line) => !OLD_TAGS.test(line)),
      [],
      'nothing that came after glibc 2.17, e.g. RELR',
    );
    t.match(header, /OS\/ABI:\s+UNIX - System V/, 'no GNU extension of ELF');
    t.match(read('--version-info'), /No version information found/, 'wants no version of a symbol');

    const segments = read('--program-headers');
    const loads = lines(segments, /^\s*LOAD\s/);
    t.ok(loads.length > 0 && loads.length <= 2, `${loads.length} mappings: two at most`);
    for (const load of loads) {
      t.equal(Number(load.trim().split(/\s+/).at(-1)), PAGES[architecture], 'alignment for the largest pages');
      t.notMatch(load, /RWE/, 'no segment is writable and executable');
    }
    t.match(lines(segments, /GNU_STACK/)[0] ?? '', / RW /, 'the stack is not executable');
    t.notMatch(segments, /\bTLS\b/, 'no thread-local storage');
    t.notMatch(segments, /\bINTERP\b/, 'no interpreter');

    const symbols = run('nm', ['--dynamic', '--defined-only', '--format=posix', file]);
    t.same(
      lines(symbols.stdout, /./).map((line) => line.split(' ').slice(0, 2)),
      [['ioctl', 'T']],
      'exports ioctl alone',
    );
    const undefinedSymbols = run('nm', ['--dynamic', '--undefined-only', '--format=posix', file]);
    t.same(
      lines(undefinedSymbols.stdout, /./).map((line) => line.split(' ').slice(0, 2)),
      [['__errno_location', 'w']],
      'wants errno alone, and can do without',
    );
    t.same(
      lines(read('--relocs'), /R_(X86_64|386|AARCH64)_/).filter(
        (line) => !/_RELATIVE\b/.test(line) && !/_(GLOB_DA?T|JUMP_SLOT)\s.*\b__errno_location\b/.test(line),
      ),
      [],
      'no relocation costs more than one look-up of errno',
    );
    t.notMatch(read('--sections'), /\.(symtab|debug_)/, 'stripped');
    t.end();
  });
}

void t.test('hardening that a program asks for stays on', (t) => {
  const notes = (architecture: Architecture): string =>
    run('readelf', ['--notes', '--wide', library(architecture)], { LC_ALL: 'C' }).stdout;
  for (const architecture of ['x86_64', 'i386'] as const) {
    t.match(notes(architecture), /x86 feature: IBT, SHSTK/, `${architecture}: branch targets and shadow stacks`);
  }
  // binutils before 2.44 print GCS as a number
  t.match(notes('aarch64'), /AArch64 feature: BTI, PAC, (GCS|<unknown: 4>)/, 'aarch64: BTI, PAC and shadow stacks');
  // llvm-objdump prints aarch64's marks, "bti c" and "paciasp", as hints.
  for (const [architecture, mark] of [
    ['x86_64', /\tendbr64/],
    ['i386', /\tendbr32/],
    ['aarch64', /\thint\t#(34|25)$/],
  ] as const) {
    const { stdout, stderr } = run('llvm-objdump-14', ['--disassemble', '--no-show-raw-insn', library(architecture)]);
    const instructions = stdout.split('\n').filter((line) => /^\s+[0-9a-f]+:/.test(line));
    const start = stdout.split('\n').findIndex((line) => line.endsWith('<ioctl>:'));
    t.match(stdout.split('\n')[start + 1], mark, `${architecture}: ioctl starts with a mark`, { stderr });
    const marked = instructions.filter((line) => mark.test(line)).length;
    t.ok(marked > CALLBACKS, `${architecture}: so do the ${CALLBACKS} functions that are called by pointer`);
  }
  t.end();
});
