// SPDX-License-Identifier: GPL-2.0-only
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { libraryDirectory, readsPreloadFile } from '#mpu/lib/payload/loader.js';
import { architectureOf, libraryEntries, libraryPlaces, loadLibraries } from '#mpu/lib/payload/libraries.js';
import { glibcLoader, writeStandInLibraries } from '../../support/tiny-layout.js';

await t.test('what a loader says', (t) => {
  for (const value of ['lib/x86_64-linux-gnu', 'lib64', 'lib32', 'lib', 'lib/aarch64-linux-gnu']) {
    t.equal(libraryDirectory(glibcLoader(value)), value);
    t.ok(readsPreloadFile(glibcLoader(value)));
  }
  t.notOk(readsPreloadFile(Buffer.from('\0/etc/ld-nix.so.preload\0')), 'NixOS');
  t.notOk(readsPreloadFile(Buffer.from('\0/usr/glibc-compat/etc/ld.so.preload\0')), 'another prefix');
  t.notOk(readsPreloadFile(Buffer.from('\0ld-musl\0')));
  t.end();
});

await t.test('architectures of images', (t) => {
  t.equal(architectureOf('amd64'), 'x86_64');
  t.equal(architectureOf('arm64'), 'aarch64');
  t.equal(architectureOf('riscv64'), undefined);
  t.equal(architectureOf('constructor'), undefined);
  t.end();
});

await t.test('every $LIB leads to its library', async (t) => {
  const directory = t.testdir();
  await writeStandInLibraries(directory);
  const targets = (entries: ReturnType<typeof libraryEntries>): Record<string, string> =>
    Object.fromEntries(
      entries.flatMap((entry) =>
        entry.type === 'directory'
          ? []
          : [
              [
                entry.path.slice('usr/lib/mpu/'.length),
                entry.type === 'file' ? entry.data.subarray(64).toString() : entry.target,
              ],
            ],
      ),
    );
  const x86 = await loadLibraries('x86_64', directory);
  const common = {
    'lib/x86_64-linux-gnu/libmpu.so': 'stand-in for x86_64',
    'lib/i386-linux-gnu/libmpu.so': 'stand-in for i386',
    lib64: 'lib/x86_64-linux-gnu',
    lib32: 'lib/i386-linux-gnu',
  };
  for (const native of ['lib/x86_64-linux-gnu', 'lib64'] as const) {
    t.same(
      targets(libraryEntries(libraryPlaces('x86_64', native), x86)),
      { ...common, 'lib/libmpu.so': 'i386-linux-gnu/libmpu.so' },
      native,
    );
  }
  t.same(
    targets(libraryEntries(libraryPlaces('x86_64', 'lib'), x86)),
    { ...common, 'lib/libmpu.so': 'x86_64-linux-gnu/libmpu.so' },
    'Arch',
  );
  t.same(targets(libraryEntries(libraryPlaces('aarch64', 'lib64'), await loadLibraries('aarch64', directory))), {
    'lib/aarch64-linux-gnu/libmpu.so': 'stand-in for aarch64',
    lib64: 'lib/aarch64-linux-gnu',
    'lib/libmpu.so': 'aarch64-linux-gnu/libmpu.so',
  });
});

await t.test('libraries that are missing or for something else', async (t) => {
  const directory = t.testdir();
  await writeStandInLibraries(directory);
  await cp(join(directory, 'aarch64', 'libmpu.so'), join(directory, 'i386', 'libmpu.so'));
  await t.rejects(loadLibraries('x86_64', directory), { code: 'library-invalid', why: /no.* ELF file for i386/ });
  await rm(join(directory, 'x86_64'), { recursive: true });
  await t.rejects(loadLibraries('x86_64', directory), {
    code: 'library-missing',
    why: /x86_64\/libmpu.so does not exist/,
  });
});
