// SPDX-License-Identifier: GPL-2.0-only
/** Image layers as bytes: the same entries always give the same bytes. */
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { DEFAULT_ATTRIBUTES, type LayerEntry } from '../payload/layer-entry.js';

const byPath = (a: LayerEntry, b: LayerEntry): number => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);

/**
 * A tar archive of the entries, sorted by path; files and directories are as {@link DEFAULT_ATTRIBUTES} say where they
 * have no attributes of their own.
 * `mtime` is in seconds since 1970.
 */
export async function packLayer(entries: readonly LayerEntry[], mtime: number): Promise<Buffer> {
  const archive = pack();
  const bytes = buffer(archive);
  for (const entry of [...entries].sort(byPath)) {
    const common = { uid: 0, gid: 0, mtime: new Date(mtime * 1000) };
    const attributes = entry.type === 'symlink' ? {} : (entry.attributes ?? DEFAULT_ATTRIBUTES[entry.type]);
    switch (entry.type) {
      case 'directory':
        archive.entry({ ...common, name: `${entry.path}/`, type: 'directory', ...attributes });
        break;
      case 'file':
        archive.entry(
          { ...common, name: entry.path, type: 'file', size: entry.data.length, ...attributes },
          entry.data,
        );
        break;
      case 'symlink':
        archive.entry({ ...common, name: entry.path, type: 'symlink', mode: 0o777, linkname: entry.target });
        break;
    }
  }
  archive.finalize();
  return bytes;
}

const GZIP_HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
const GZIP_TRAILER_SIZE = 8;
const STORED_BLOCK_MAX = 0xffff;

/**
 * The data as a gzip stream of stored blocks. What zlib's deflate makes of the same data differs
 * between its builds and between processors; a layer's digest must not, and a few KB need no compression.
 */
export function gzipStored(data: Buffer): Buffer {
  const parts: Buffer[] = [GZIP_HEADER];
  for (let start = 0; start === 0 || start < data.length; start += STORED_BLOCK_MAX) {
    const block = data.subarray(start, start + STORED_BLOCK_MAX);
    const header = Buffer.alloc(5);
    header.writeUInt8(start + STORED_BLOCK_MAX >= data.length ? 1 : 0, 0);
    header.writeUInt16LE(block.length, 1);
    header.writeUInt16LE(~block.length & 0xffff, 3);
    parts.push(header, block);
  }
  // CRC-32 and length of the data do not depend on how it is compressed.
  parts.push(gzipSync(data, { level: 0 }).subarray(-GZIP_TRAILER_SIZE));
  return Buffer.concat(parts);
}
