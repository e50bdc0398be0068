// SPDX-License-Identifier: GPL-2.0-only
/** The little of a layer that decides how an image is injected: small enough to be kept for every layer there is. */
import { posix } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { DEFAULT_ATTRIBUTES, type Attributes } from '../payload/layer-entry.js';
import { summarizeLoader, type LoaderSummary } from '../payload/loader.js';
import { sha256 } from '../image/digest.js';
import type { LayerData } from './image-store.js';
import { scanLayer, type ScanOptions } from './layer-scan.js';
import type { TarEntry } from './tar-reader.js';

/** What is known of a file. */
export interface FileSummary {
  digest: string;
  loader?: LoaderSummary;
  /** The data, base64; only of small files. */
  data?: string;
}

/** One thing in a layer. */
export type LayerNode =
  | { type: 'other' }
  /** `attributes`, here as in files, unless they are {@link DEFAULT_ATTRIBUTES}. */
  | { type: 'directory'; attributes?: Attributes }
  /** `summary` only where somebody may ask, and the file is not too large. */
  | { type: 'file'; attributes?: Attributes; summary?: FileSummary }
  | { type: 'symlink'; target: string }
  /** Another name of a file in the same layer; `target` is relative to the root. */
  | { type: 'hardlink'; target: string };

/** What is known of a layer. Paths are relative to the root. */
export interface LayerSummary {
  /** Paths about which everything is known, beside those of {@link isExpected}. */
  asked: string[];
  nodes: Record<string, LayerNode>;
  /** Paths that are removed (`.wh.NAME`). */
  whiteouts: string[];
  /** Directories whose contents in lower layers are removed (`.wh..wh..opq`). */
  opaque: string[];
}

const WHITEOUT_PREFIX = '.wh.';
const OPAQUE_MARKER = '.wh..wh..opq';
/** Far above any dynamic loader or libmpu.so. */
const MAX_FILE_SIZE = 16 * 1024 * 1024;
/** Far above any preload file. */
const MAX_DATA_SIZE = 64 * 1024;

const LOADER = /^ld-[^/]*\.so[^/]*$/;
/** The root's own entries; directories of libraries and what lies in them, but for libraries; all of mpu. */
const EXPECTED_PATH =
  /^(?:[^/]+|usr\/[^/]+|(?:usr\/)?lib[^/]*\/(?![^/]*\.so(?:\.|$))[^/]+|usr\/lib\/mpu\/.+|etc\/ld\.so\.preload)$/;

/** A path in an archive relative to the root: no leading `./` or `/`, no trailing `/`. */
function normalize(path: string): string {
  return posix.normalize(`/${path}`).replace(/^\/|\/$/g, '');
}

/** Whether the summary of every layer tells about a path, in all images: where loaders, preload files and libmpu.so lie. */
export function isExpected(path: string): boolean {
  return EXPECTED_PATH.test(path) || isExpectedFile(path);
}

function isExpectedFile(path: string): boolean {
  const base = posix.basename(path);
  return base === 'ld.so.preload' || base === 'libmpu.so' || LOADER.test(base);
}

function summarizeFile(path: string, data: Buffer, isAsked: boolean): FileSummary {
  const summary: FileSummary = { digest: sha256(data) };
  const base = posix.basename(path);
  if (LOADER.test(base) || isAsked) summary.loader = summarizeLoader(data);
  const isText = base === 'ld.so.preload' || isAsked;
  if (isText && data.length <= MAX_DATA_SIZE) summary.data = data.toString('base64');
  return summary;
}

function nodeOf({ type, linkName, mode, uid, gid }: TarEntry): LayerNode {
  const attributes = { mode, uid, gid };
  if (type === 'directory' || type === 'file') {
    return isDeepStrictEqual(attributes, DEFAULT_ATTRIBUTES[type]) ? { type } : { type, attributes };
  }
  if (type === 'symlink') return { type, target: linkName };
  if (type === 'hardlink') return { type, target: normalize(linkName) };
  return { type };
}

/**
 * Reads a layer and gives its summary: of expected paths and those of `asked`, and whether the layer's
 * digest was checked. Rejects as {@link scanLayer} does.
 */
export async function summarizeLayer(
  open: () => Promise<LayerData>,
  name: string,
  asked: readonly string[],
  options: ScanOptions = {},
): Promise<{ summary: LayerSummary; isVerified: boolean }> {
  const summary: LayerSummary = { asked: [...asked], nodes: {}, whiteouts: [], opaque: [] };
  const isKept = (path: string): boolean => asked.includes(path) || isExpected(path);
  const isVerified = await scanLayer(
    await open(),
    name,
    async (entry, read) => {
      const path = normalize(entry.name);
      const parent = path.slice(0, Math.max(path.lastIndexOf('/'), 0));
      const base = posix.basename(path);
      if (base === OPAQUE_MARKER) {
        if (parent === '' || isKept(parent)) summary.opaque.push(parent);
      } else if (base.startsWith(WHITEOUT_PREFIX)) {
        const removed = posix.join(parent, base.slice(WHITEOUT_PREFIX.length));
        if (isKept(removed)) summary.whiteouts.push(removed);
      } else if (path !== '' && isKept(path)) {
        const isAsked = asked.includes(path);
        const node = nodeOf(entry);
        if (node.type === 'file' && (isAsked || isExpectedFile(path)) && entry.size <= MAX_FILE_SIZE) {
          node.summary = summarizeFile(path, await read(), isAsked);
        }
        // Of members of the same name the last one counts.
        summary.nodes[path] = node;
      }
    },
    options,
  );
  return { summary, isVerified };
}

/** Whether a summary tells about a path. */
export function knows(summary: LayerSummary, path: string): boolean {
  return isExpected(path) || summary.asked.includes(path);
}

/** Returns the node at a path of the layer. */
export function nodeAt(summary: LayerSummary | undefined, path: string): LayerNode | undefined {
  return summary !== undefined && Object.hasOwn(summary.nodes, path) ? summary.nodes[path] : undefined;
}
