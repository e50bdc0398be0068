// SPDX-License-Identifier: GPL-2.0-only
/** The files of an image, read through a container that is never started. */
import { lstat } from 'node:fs/promises';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { extract, type Header } from 'tar-stream';
import { MpuError, errnoName, messageOf } from '../errors.js';
import type { ImageFiles } from '../payload/plan.js';
import { summarizeLoader, type LoaderSummary } from '../payload/loader.js';
import { sha256 } from '../image/digest.js';
import { readRegularFile } from '../system/regular-file.js';
import { resolveBelow } from '../system/rooted-path.js';

/** As in the kernel (MAXSYMLINKS). */
const MAX_LINKS = 40;

/** The first entry of an archive. */
async function firstEntry(archive: Buffer): Promise<{ header: Header; data: Buffer } | undefined> {
  const entries = Readable.from([archive]).pipe(extract());
  for await (const entry of entries) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    return { header: entry.header, data: Buffer.concat(chunks) };
  }
  return undefined;
}

/** What can be told of a file from its data. */
abstract class WholeFiles implements ImageFiles {
  abstract readFile(path: string): Promise<Buffer | undefined>;

  async loader(path: string): Promise<LoaderSummary | undefined> {
    const data = await this.readFile(path);
    return data === undefined ? undefined : summarizeLoader(data);
  }

  async digest(path: string): Promise<string | undefined> {
    const data = await this.readFile(path);
    return data === undefined ? undefined : sha256(data);
  }
}

/** Files of a container, by the engine's `cp`. */
export class ContainerFiles extends WholeFiles {
  /** `archive` gives an archive of one path; undefined when there is no such path. */
  constructor(private readonly archive: (path: string) => Promise<Buffer | undefined>) {
    super();
  }

  async readFile(path: string): Promise<Buffer | undefined> {
    let at = path;
    for (let links = 0; links < MAX_LINKS; links++) {
      const archive = await this.archive(at);
      const entry = archive === undefined ? undefined : await firstEntry(archive);
      if (entry === undefined) return undefined;
      const { type, linkname } = entry.header;
      if (type === 'file') return entry.data;
      if (type !== 'symlink') throw unusual(path, 'it is no regular file');
      // docker follows links in the path, but not in its last part; podman follows all of them.
      at = posix.resolve(posix.dirname(at), linkname || '.');
    }
    throw unusual(path, 'its symbolic links form a loop');
  }
}

/** Files below a directory in which a container is mounted. */
export class DirectoryFiles extends WholeFiles {
  constructor(private readonly root: string) {
    super();
  }

  async readFile(path: string): Promise<Buffer | undefined> {
    let at: string;
    try {
      at = await resolveBelow(this.root, path);
      if (!(await lstat(at)).isFile()) throw unusual(path, 'it is no regular file');
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(errnoName(error) ?? '')) return undefined;
      throw error instanceof MpuError && error.code === 'image-unusual' ? error : unusual(path, messageOf(error));
    }
    const data = readRegularFile(at);
    if (data === undefined) throw unusual(path, 'it cannot be read, or is larger than 8 MiB');
    return data;
  }
}

function unusual(path: string, why: string): MpuError {
  const next = 'remove it from the image';
  return new MpuError({ code: 'image-unusual', what: `cannot read ${path} in the image`, why, next });
}
