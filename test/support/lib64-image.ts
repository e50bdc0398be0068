// SPDX-License-Identifier: GPL-2.0-only
/** A file system as on RHEL, Fedora and SUSE: 64-bit libraries in lib64, 32-bit ones in lib. */
import { chmod, copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { baseImage } from './base-image.js';
import { check } from './mpu.js';

/** The multiarch directories of the programs that are taken from Debian, and what `$LIB` is on the others. */
const KINDS = [
  { triplet: 'x86_64-linux-gnu', lib: 'lib64', loader: 'ld-linux-x86-64.so.2' },
  { triplet: 'i386-linux-gnu', lib: 'lib', loader: 'ld-linux.so.2' },
] as const;

/**
 * Makes the file system below `directory` and gives an archive of it. It has a 64-bit `cat`, a 32-bit `hello` and their
 * C libraries: Debian's, but for the one string in each loader that says what `$LIB` is.
 */
export async function lib64Image(directory: string): Promise<string> {
  const [debian, tree] = [join(directory, 'debian'), join(directory, 'lib64-tree')];
  await mkdir(debian);
  const parts = KINDS.map(({ triplet }) => `./usr/lib/${triplet}`);
  await check('tar', [
    '-xf',
    await baseImage(['libc6:i386', 'hello:i386']),
    '-C',
    debian,
    './usr/bin/cat',
    './usr/bin/hello',
    ...parts,
  ]);
  await mkdir(join(tree, 'usr/bin'), { recursive: true });
  for (const name of ['bin', 'lib', 'lib64']) await symlink(`usr/${name}`, join(tree, name));
  for (const name of ['cat', 'hello']) await copyFile(join(debian, 'usr/bin', name), join(tree, 'usr/bin', name));
  for (const { triplet, lib, loader } of KINDS) {
    const [from, libraries] = [join(debian, 'usr/lib', triplet), join(tree, 'usr/lib', triplet)];
    await mkdir(join(tree, 'usr', lib), { recursive: true });
    await mkdir(libraries, { recursive: true });
    await copyFile(join(from, 'libc.so.6'), join(libraries, 'libc.so.6'));
    const data = await readFile(join(from, loader), 'latin1');
    const [before, after, ...others] = data.split(`\0lib/${triplet}\0`);
    if (after === undefined || others.length > 0) throw new Error(`${loader} does not say lib/${triplet} once`);
    const patched = `${before ?? ''}\0${lib.padEnd(`lib/${triplet}`.length, '\0')}\0${after}`;
    await writeFile(join(tree, 'usr', lib, loader), patched, 'latin1');
    await chmod(join(tree, 'usr', lib, loader), 0o755);
  }
  const archive = `${tree}.tar`;
  await check('tar', ['-cf', archive, '-C', tree, '.']);
  return archive;
}
