// SPDX-License-Identifier: GPL-2.0-only
/** Writing a tar archive out of new data and parts of other files, which are copied byte for byte. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';
import { MpuError, fileError, throwIfInterrupted } from '../errors.js';
import { replaceFile } from '../system/replace-file.js';
import type { MemberData } from './archive-file.js';
import type { StoreOptions } from '../oci/image-store.js';

/** A member of the new archive: its data, or where that lies and, where it is known, its digest, which is checked. */
export type NewMember =
  { name: string; data: Buffer } | { name: string; content: MemberData; digest: string | undefined };

const CHUNK_SIZE = 1024 * 1024;
const METADATA = { mode: 0o644, mtime: new Date(0), uid: 0, gid: 0 };

async function copyMember(
  archive: Pack,
  { name, content, digest }: Extract<NewMember, { content: MemberData }>,
  { signal, onProgress }: StoreOptions,
): Promise<void> {
  const hash = createHash(digest?.startsWith('sha512:') === true ? 'sha512' : 'sha256');
  const { path, offset, size } = content;
  let copied = 0;
  const tap = new Transform({
    transform(chunk: Buffer, _encoding, callback): void {
      hash.update(chunk);
      copied += chunk.length;
      onProgress?.(`copying ${name}: ${(copied / 1e6).toFixed(0)} of ${(size / 1e6).toFixed(0)} MB`);
      callback(null, chunk);
    },
  });
  const source =
    size === 0
      ? Readable.from([])
      : createReadStream(path, { start: offset, end: offset + size - 1, highWaterMark: CHUNK_SIZE });
  await pipeline(source, tap, archive.entry({ ...METADATA, name, size }), signal === undefined ? {} : { signal });
  if (digest === undefined || digest.split(':')[1] === hash.digest('hex')) return;
  throw new MpuError({
    code: 'layer-damaged',
    what: `cannot copy ${name} out of ${path}`,
    why: 'it is damaged: its digest is another one',
    next: 'make the archive again',
  });
}

/**
 * Writes an archive: aside first, renamed once it is on the disk. Members have no time stamps, so that
 * equal members give equal bytes. Rejects with an MpuError and leaves nothing behind then.
 */
export async function writeArchive(path: string, members: readonly NewMember[], options: StoreOptions): Promise<void> {
  try {
    await replaceFile(path, 0o644, async (file) => {
      const archive = pack();
      const writing = (async (): Promise<void> => {
        for await (const chunk of archive as AsyncIterable<Buffer>) await file.appendFile(chunk);
      })();
      const filling = (async (): Promise<void> => {
        for (const member of members) {
          throwIfInterrupted(options.signal);
          if ('data' in member) archive.entry({ ...METADATA, name: member.name }, member.data);
          else await copyMember(archive, member, options);
        }
        archive.finalize();
      })();
      // A failure on one side would leave the other one waiting.
      filling.catch((error: unknown) => {
        archive.destroy(error instanceof Error ? error : new Error(String(error)));
      });
      await Promise.all([filling, writing]);
      throwIfInterrupted(options.signal);
    });
  } catch (error) {
    throwIfInterrupted(options.signal);
    throw fileError(error, `cannot write ${path}`);
  }
}
