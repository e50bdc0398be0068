// SPDX-License-Identifier: GPL-2.0-only
/** What one image layer holds. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Duplex } from 'node:stream';
import * as zlib from 'node:zlib';
import { extract } from 'tar-stream';
import type { LayerData } from './image-store.js';
import { MpuError, errnoName, fileError, throwIfInterrupted } from '../errors.js';

/** One thing in a layer. */
export type LayerNode =
  | { type: 'directory' }
  /** `data` only where the caller asked for it and the file is small. */
  | { type: 'file'; data: Buffer | undefined }
  | { type: 'symlink'; target: string }
  /** Another name of a file in the same layer; `target` is relative to the root. */
  | { type: 'hardlink'; target: string }
  | { type: 'other' };

/** The contents of a layer by path relative to the root, and what it removes from the layers below. */
export interface LayerIndex {
  nodes: Map<string, LayerNode>;
  /** Paths that are removed (`.wh.NAME`). */
  whiteouts: Set<string>;
  /** Directories whose contents in lower layers are removed (`.wh..wh..opq`). */
  opaque: Set<string>;
}

const WHITEOUT_PREFIX = '.wh.';
const OPAQUE_MARKER = '.wh..wh..opq';
const CHUNK_SIZE = 256 * 1024;
/** Far above any dynamic loader, libmpu.so or preload file. */
const MAX_FILE_SIZE = 16 * 1024 * 1024;

/** A path in an archive relative to the root: no leading `./` or `/`, no trailing `/`. */
function normalize(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

function zstdDecompressor(path: string): Duplex {
  if ('createZstdDecompress' in zlib && typeof zlib.createZstdDecompress === 'function') {
    return (zlib.createZstdDecompress as () => Duplex)();
  }
  throw new MpuError({
    code: 'zstd-unsupported',
    what: `cannot read the layer ${path}`,
    why: `it is compressed with zstd, which Node.js ${process.version} cannot read`,
    next: 'run mpu with Node.js 22.15 or later, or copy the image: skopeo copy --dest-compress-format gzip ...',
  });
}

/** The compression is told by its first bytes: media types are not always right. */
async function decompressor(path: string, offset: number): Promise<Duplex | undefined> {
  const file = await open(path);
  try {
    const magic = Buffer.alloc(4);
    await file.read(magic, 0, 4, offset);
    if (magic.readUInt16BE(0) === 0x1f8b) return zlib.createGunzip({ chunkSize: CHUNK_SIZE });
    return magic.readUInt32BE(0) === 0x28b52ffd ? zstdDecompressor(path) : undefined;
  } finally {
    await file.close();
  }
}

/**
 * Reads a layer file (tar; plain, gzip or zstd) once, from its beginning to its end. The data of
 * files for whose path `wanted` is true is kept. Rejects with an MpuError when it cannot be read.
 */
export async function indexLayer(
  { content, size }: LayerData,
  wanted: (path: string) => boolean,
  signal?: AbortSignal,
): Promise<LayerIndex> {
  const index: LayerIndex = { nodes: new Map(), whiteouts: new Set(), opaque: new Set() };
  const archive = extract();
  if ('pipe' in content) throw new TypeError('streams are not read yet');
  const { path, offset } = content;
  try {
    const inflate = await decompressor(path, offset);
    const source = createReadStream(path, { highWaterMark: CHUNK_SIZE, start: offset, end: offset + size - 1 });
    const stages = inflate === undefined ? [source, archive] : [source, inflate, archive];
    const reading = pipeline(stages, signal === undefined ? {} : { signal });
    await Promise.all([reading, collect(archive, index, wanted)]);
  } catch (error) {
    throwIfInterrupted(signal);
    if (error instanceof MpuError || errnoName(error)?.startsWith('E') === true) {
      throw fileError(error, `cannot read the layer ${path}`);
    }
    throw new MpuError({
      code: 'layer-damaged',
      what: `cannot read the layer ${path}`,
      why: error instanceof Error ? error.message : String(error),
      next: 'make the layout again: the blob is damaged',
      cause: error,
    });
  }
  return index;
}

async function collect(
  archive: ReturnType<typeof extract>,
  index: LayerIndex,
  wanted: (path: string) => boolean,
): Promise<void> {
  for await (const entry of archive) {
    const { name, type, size, linkname } = entry.header;
    const path = normalize(name);
    const slash = path.lastIndexOf('/');
    const base = path.slice(slash + 1);
    if (base === OPAQUE_MARKER) {
      index.opaque.add(path.slice(0, Math.max(slash, 0)));
    } else if (base.startsWith(WHITEOUT_PREFIX)) {
      index.whiteouts.add(path.slice(0, slash + 1) + base.slice(WHITEOUT_PREFIX.length));
    } else if (type === 'file' || type === 'contiguous-file') {
      const keep = wanted(path) && size <= MAX_FILE_SIZE;
      let data: Buffer | undefined;
      if (keep) {
        const chunks: Buffer[] = [];
        for await (const chunk of entry) chunks.push(chunk as Buffer);
        data = Buffer.concat(chunks);
      }
      index.nodes.set(path, { type: 'file', data });
    } else {
      // tar-stream gives null, against its types, for a link without a target.
      index.nodes.set(path, nodeOf(type, linkname || ''));
    }
    entry.resume();
  }
}

function nodeOf(type: string | null | undefined, target: string): LayerNode {
  switch (type) {
    case 'directory':
      return { type };
    case 'symlink':
      return { type, target };
    case 'link':
      return { type: 'hardlink', target: normalize(target) };
    default:
      return { type: 'other' };
  }
}
