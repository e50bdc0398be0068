// SPDX-License-Identifier: GPL-2.0-only
/** A tar archive on the disk, whose members are read where they lie. */
import { realpathSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { MpuError, fileError, messageOf } from '../errors.js';
import { FileSource } from '../oci/byte-source.js';
import { MAGIC_SIZE, compressionOf, type Compression } from '../oci/decompress.js';
import { MAX_JSON_SIZE } from '../oci/descriptor.js';
import { TarError, readTar } from '../oci/tar-reader.js';

/** Where in a file a member's data lies. */
export interface MemberData {
  path: string;
  offset: number;
  size: number;
}

const MAX_LINKS = 8;

/** An archive whose members are known. */
export class ArchiveFile {
  private constructor(
    readonly path: string,
    private readonly members: ReadonlyMap<string, MemberData>,
    private readonly links: ReadonlyMap<string, string>,
  ) {}

  /** Finds the members of an archive; their data is not read. Rejects with an MpuError. */
  static async open(path: string): Promise<ArchiveFile> {
    const what = `cannot read the archive ${path}`;
    const members = new Map<string, MemberData>();
    const links = new Map<string, string>();
    try {
      const file = await open(path);
      try {
        const { size } = await file.stat();
        const start = await file.read(Buffer.alloc(MAGIC_SIZE), 0, MAGIC_SIZE, 0);
        const compression = compressionOf(start.buffer.subarray(0, start.bytesRead));
        if (compression !== 'none') throw compressedError(path, compression);
        await readTar(new FileSource(file, 0, size), ({ name, type, linkName, offset, size }) => {
          const member = posix.normalize(name);
          if (type === 'file') members.set(member, { path, offset, size });
          // docker before 25 links layers that are there twice.
          if (type === 'symlink') links.set(member, posix.join(posix.dirname(member), linkName));
          if (type === 'hardlink') links.set(member, posix.normalize(linkName));
        });
      } finally {
        await file.close();
      }
    } catch (error) {
      if (!(error instanceof TarError)) throw fileError(error, what);
      throw new MpuError({ code: 'archive-invalid', what, why: messageOf(error), next: 'make it again', cause: error });
    }
    return new ArchiveFile(path, members, links);
  }

  /** Where the data of a member lies, links followed; undefined when there is no such member. */
  find(name: string): MemberData | undefined {
    let member = posix.normalize(name);
    for (let count = 0; count < MAX_LINKS; count++) {
      const target = this.links.get(member);
      if (target === undefined) break;
      member = target;
    }
    return this.members.get(member);
  }

  /** The data of a small member; undefined when there is none, or a large one, of that name. */
  async read(name: string): Promise<Buffer | undefined> {
    const content = this.find(name);
    if (content === undefined || content.size > MAX_JSON_SIZE) return undefined;
    return readMember(content, content.size);
  }
}

/** Commands that decompress a file and keep it. */
const DECOMPRESS: Record<Exclude<Compression, 'none'>, string> = {
  gzip: 'gunzip --keep',
  zstd: 'zstd --decompress',
  bzip2: 'bunzip2 --keep',
  xz: 'unxz --keep',
  lz4: 'lz4 --decompress --multiple',
};

function compressedError(path: string, compression: Exclude<Compression, 'none'>): MpuError {
  return new MpuError({
    code: 'archive-compressed',
    what: `cannot read the archive ${path}`,
    why: `it is compressed with ${compression} as a whole; images are edited in plain tar archives`,
    next: `${DECOMPRESS[compression]} ${path}`,
  });
}

/** Whether two paths are those of one file, also by way of links. */
export function isSameFile(one: string, other: string): boolean {
  try {
    return realpathSync(one) === realpathSync(other);
  } catch {
    return false;
  }
}

/** Whether there is something at a path. */
export async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Reads the first bytes of a member. */
export async function readMember({ path, offset }: MemberData, size: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const data = Buffer.alloc(size);
    const { bytesRead } = await file.read(data, 0, size, offset);
    return data.subarray(0, bytesRead);
  } catch (error) {
    throw fileError(error, `cannot read ${path}`);
  } finally {
    await file.close();
  }
}
