// SPDX-License-Identifier: GPL-2.0-only
/** The sources of mpu.ko that are part of this package. */
import { createHash } from 'node:crypto';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MpuError, fileError } from '../errors.js';
import { packageRoot } from '../package/root.js';
import { makeDirectory } from '../system/make-directory.js';

const directory = join(packageRoot, 'kernel');

// A checkout in which someone ran make has more in it than sources.
const SOURCE = /(^|\/)(Kbuild|Makefile|[^/.]+\.(c|h|conf\.in|yaml))$/;
const GENERATED = '.mod.c';

/** The files of the module's source tree, relative to it, sorted. */
async function sourceFiles(): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true }).catch((error: unknown) => {
    throw fileError(error, 'cannot find the sources of mpu.ko');
  });
  return entries.filter((path) => SOURCE.test(path) && !path.endsWith(GENERATED)).sort();
}

/** Version of the module that the sources make (kernel/version.h). */
export async function sourceVersion(): Promise<string> {
  const path = join(directory, 'version.h');
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw fileError(error, 'cannot find the sources of mpu.ko');
  });
  const version = /#define MPU_VERSION "([^"]+)"/.exec(text)?.[1];
  if (version !== undefined) return version;
  throw new MpuError({
    code: 'file-error',
    what: 'cannot read the version of mpu.ko',
    why: `${path} has none`,
    next: 'install mpu again',
  });
}

/** SHA-256 of all sources, by name and content. */
export async function sourceDigest(): Promise<string> {
  const hash = createHash('sha256');
  for (const path of await sourceFiles()) {
    const data = await readFile(join(directory, path));
    hash.update(`${path}\0${data.length}\0`).update(data);
  }
  return hash.digest('hex');
}

/** Copies the sources into a directory, which is made, as DKMS wants them: with a dkms.conf. */
export async function copySources(target: string): Promise<void> {
  for (const path of await sourceFiles()) {
    await makeDirectory(join(target, path, '..'));
    await cp(join(directory, path), join(target, path));
  }
  const template = await readFile(join(target, 'dkms.conf.in'), 'utf8');
  await writeFile(join(target, 'dkms.conf'), template.replaceAll('@VERSION@', await sourceVersion()));
}
