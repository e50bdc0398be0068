// SPDX-License-Identifier: GPL-2.0-only
/** An image with musl and one program, which prints what it has mapped. */
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check } from './mpu.js';

const SOURCE = `#include <stdio.h>
int main(void) { FILE *f = fopen("/proc/self/maps", "r"); int c; while ((c = getc(f)) != EOF) putchar(c); return 0; }
`;

/** Writes its file system, with the program /maps, as a tar archive. Needs musl-gcc. */
export async function writeMuslImage(archive: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'mpu-musl-'));
  try {
    const root = join(directory, 'root');
    await mkdir(join(root, 'lib'), { recursive: true });
    await writeFile(join(directory, 'maps.c'), SOURCE);
    await check('musl-gcc', ['-o', join(root, 'maps'), join(directory, 'maps.c')]);
    await check('cp', ['-L', '/lib/ld-musl-x86_64.so.1', join(root, 'lib/ld-musl-x86_64.so.1')]);
    await check('tar', ['-C', root, '-cf', archive, '.']);
  } finally {
    await rm(directory, { recursive: true });
  }
}
