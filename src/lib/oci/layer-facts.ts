// SPDX-License-Identifier: GPL-2.0-only
/** The little of a layer that decides how an image is injected: small enough to be kept for every layer there is. */
import { posix } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { DEFAULT_ATTRIBUTES, type Attributes } from '../payload/layer-entry.js';
import { loaderFacts, type LoaderFacts } from '../payload/loader.js';
import { sha256 } from '../image/digest.js';
import type { LayerData } from './image-store.js';
import { scanLayer, type ScanOptions } from './layer-scan.js';
import type { TarEntry } from './tar-reader.js';

/** What is known of a file. */
export interface FileFacts {
  digest: string;
  loader?: LoaderFacts;
  /** The data, base64; only of small files. */
  data?: string;
}

/** One thing in a layer. */
export type LayerNode =
  | { type: 'other' }
  /** `attributes`, here as in files, unless they are {@link DEFAULT_ATTRIBUTES}. */
  | { type: 'directory'; attributes?: Attributes }
  /** `facts` only where somebody may ask, and the file is not too large. */
  | { type: 'file'; attributes?: Attributes; facts?: FileFacts }
  | { type: 'symlink'; target: string }
  /** Another name of a file in the same layer; `target` is relative to the root. */
  | { type: 'hardlink'; target: string };

/** What is known of a layer. Paths are relative to the root. */
export interface LayerFacts {
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

/** Whether the facts of every layer tell about a path, in all images: where loaders, preload files and libmpu.so lie. */
export function isExpected(path: string): boolean {
  return EXPECTED_PATH.test(path) || isExpectedFile(path);
}

function isExpectedFile(path: string): boolean {
  const base = posix.basename(path);
  return base === 'ld.so.preload' || base === 'libmpu.so' || LOADER.test(base);
}

function fileFacts(path: string, data: Buffer, isAsked: boolean): FileFacts {
  const facts: FileFacts = { digest: sha256(data) };
  const base = posix.basename(path);
  if (LOADER.test(base) || isAsked) facts.loader = loaderFacts(data);
  const isText = base === 'ld.so.preload' || isAsked;
  if (isText && data.length <= MAX_DATA_SIZE) facts.data = data.toString('base64');
  return facts;
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
 * Reads a layer and gives the facts about expected paths and those of `asked`, and whether the layer's
 * digest was checked. Rejects as {@link scanLayer} does.
 */
export async function readLayerFacts(
  open: () => Promise<LayerData>,
  name: string,
  asked: readonly string[],
  options: ScanOptions = {},
): Promise<{ facts: LayerFacts; isVerified: boolean }> {
  const facts: LayerFacts = { asked: [...asked], nodes: {}, whiteouts: [], opaque: [] };
  const isKept = (path: string): boolean => asked.includes(path) || isExpected(path);
  const isVerified = await scanLayer(
    await open(),
    name,
    async (entry, read) => {
      const path = normalize(entry.name);
      const parent = path.slice(0, Math.max(path.lastIndexOf('/'), 0));
      const base = posix.basename(path);
      if (base === OPAQUE_MARKER) {
        if (parent === '' || isKept(parent)) facts.opaque.push(parent);
      } else if (base.startsWith(WHITEOUT_PREFIX)) {
        const removed = posix.join(parent, base.slice(WHITEOUT_PREFIX.length));
        if (isKept(removed)) facts.whiteouts.push(removed);
      } else if (path !== '' && isKept(path)) {
        const isAsked = asked.includes(path);
        const node = nodeOf(entry);
        if (node.type === 'file' && (isAsked || isExpectedFile(path)) && entry.size <= MAX_FILE_SIZE) {
          node.facts = fileFacts(path, await read(), isAsked);
        }
        // Of members of the same name the last one counts.
        facts.nodes[path] = node;
      }
    },
    options,
  );
  return { facts, isVerified };
}

/** Whether facts tell about a path. */
export function knows(facts: LayerFacts, path: string): boolean {
  return isExpected(path) || facts.asked.includes(path);
}

/** What facts say lies at a path of the layer. */
export function nodeAt(facts: LayerFacts | undefined, path: string): LayerNode | undefined {
  return facts !== undefined && Object.hasOwn(facts.nodes, path) ? facts.nodes[path] : undefined;
}
