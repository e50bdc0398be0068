// SPDX-License-Identifier: GPL-2.0-only
/** Reading tar archives (POSIX pax, and GNU's long names), passing over what is not asked for. */
import type { ByteSource } from './byte-source.js';

/** One member of an archive. */
export interface TarEntry {
  /** As the archive has it. */
  name: string;
  type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'other';
  /** Target of a link. */
  linkName: string;
  /** Permission bits. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of data. */
  size: number;
  /** Where the data begins, in bytes from the archive's beginning. */
  offset: number;
}

const BLOCK = 512;
/** Far above any path. */
const MAX_EXTENSION = 1024 * 1024;

/** Bytes that are no archive. */
export class TarError extends Error {
  override readonly name = 'TarError';
}

const TYPES: Record<string, TarEntry['type']> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '5': 'directory',
};

/** Text up to the first NUL. */
function text(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end === -1 ? field.length : end);
}

/** A number: octal digits or, when the first bit is set, big-endian binary (GNU). */
function number(field: Buffer): number {
  if (((field[0] ?? 0) & 0x80) !== 0) {
    const value = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
    if (Number.isSafeInteger(value)) return value;
    throw new TarError('a number in the archive is too large');
  }
  const digits = text(field).trim();
  if (digits === '') return 0;
  if (!/^[0-7]+$/.test(digits)) throw new TarError('a number in the archive is none');
  return Number.parseInt(digits, 8);
}

/** The sum of a header's bytes, with blanks in the place of the sum itself. */
function checksum(header: Buffer): number {
  let sum = 8 * 0x20;
  for (let index = 0; index < BLOCK; index++) if (index < 148 || index >= 156) sum += header[index] ?? 0;
  return sum;
}

/** The records of a pax extended header: `LENGTH NAME=VALUE\n` each. */
function paxRecords(data: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let start = 0; start < data.length;) {
    const blank = data.indexOf(0x20, start);
    const length = Number(data.toString('latin1', start, Math.max(blank, start)));
    const record = data.toString('utf8', blank + 1, start + length - 1);
    const equals = record.indexOf('=');
    if (blank === -1 || !(length > 0) || equals === -1)
      throw new TarError('an extended header of the archive is damaged');
    records.set(record.slice(0, equals), record.slice(equals + 1));
    start += length;
  }
  return records;
}

const padding = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

async function readAll(source: ByteSource, size: number): Promise<Buffer> {
  const data = await source.read(size);
  if (data.length < size) throw new TarError('the archive ends too early');
  return data;
}

/**
 * Reads an archive. `visit` is called for each member, before its data is passed over, and may take the
 * data by `read`, once. Rejects with a {@link TarError} for what is no archive.
 */
export async function readTar(
  source: ByteSource,
  visit: (entry: TarEntry, read: () => Promise<Buffer>) => Promise<void> | void,
): Promise<void> {
  let pax = new Map<string, string>();
  let longName: string | undefined;
  let longLink: string | undefined;
  let offset = 0;
  for (;;) {
    const header = await source.read(BLOCK);
    offset += header.length;
    if (header.length === 0 || header.every((byte) => byte === 0)) return;
    if (header.length < BLOCK || checksum(header) !== number(header.subarray(148, 156))) {
      throw new TarError('it is no tar archive, or damaged');
    }
    const flag = header.toString('latin1', 156, 157);
    const stored = number(header.subarray(124, 136));
    if (flag === 'x' || flag === 'L' || flag === 'K') {
      if (stored > MAX_EXTENSION) throw new TarError('an extended header of the archive is too large');
      const data = Buffer.from(await readAll(source, stored));
      if (flag === 'x') pax = paxRecords(data);
      else if (flag === 'L') longName = text(data);
      else longLink = text(data);
      offset += stored + padding(stored);
      await source.skip(padding(stored));
      continue;
    }
    // Links, devices and directories have no data, whatever their size says.
    const size = '123456'.includes(flag) ? 0 : pax.has('size') ? Number(pax.get('size')) : stored;
    if (!Number.isSafeInteger(size) || size < 0) throw new TarError('a size in the archive is none');
    const id = (name: 'uid' | 'gid', field: Buffer): number => (pax.has(name) ? Number(pax.get(name)) : number(field));
    const prefix =
      header.toString('latin1', 257, 262) === 'ustar' && header[263] === 0x30 ? text(header.subarray(345, 500)) : '';
    const short = text(header.subarray(0, 100));
    const name = pax.get('path') ?? longName ?? (prefix === '' ? short : `${prefix}/${short}`);
    const type = TYPES[flag] ?? 'other';
    const entry: TarEntry = {
      name,
      // Archives from before POSIX mark directories by their name alone.
      type: type === 'file' && name.endsWith('/') ? 'directory' : type,
      linkName: pax.get('linkpath') ?? longLink ?? text(header.subarray(157, 257)),
      mode: number(header.subarray(100, 108)) & 0o7777,
      uid: id('uid', header.subarray(108, 116)),
      gid: id('gid', header.subarray(116, 124)),
      size,
      offset,
    };
    const unread = { size };
    if (flag !== 'g') {
      await visit(entry, async () => {
        unread.size = 0;
        return readAll(source, size);
      });
      pax = new Map();
      longName = longLink = undefined;
    }
    if (!(await source.skip(unread.size))) throw new TarError('the archive ends too early');
    // Some programs end an archive with the last byte of data.
    await source.skip(padding(size));
    offset += size + padding(size);
  }
}
