// SPDX-License-Identifier: GPL-2.0-only
/** The files of an image, looked up in its layers from the top down without unpacking them. */
import { availableParallelism } from 'node:os';
import { posix } from 'node:path';
import { MpuError } from '../errors.js';
import type { ImageFiles } from '../payload/plan.js';
import type { LayerEntry, Attributes } from '../payload/layer-entry.js';
import type { LoaderSummary } from '../payload/loader.js';
import type { Descriptor } from './descriptor.js';
import type { ImageStore, LayerData } from './image-store.js';
import {
  isExpected,
  knows,
  nodeAt,
  summarizeLayer,
  type FileSummary,
  type LayerSummary,
  type LayerNode,
} from './layer-summary.js';
import { LayerCache } from './layer-cache.js';

/** As in the kernel (MAXSYMLINKS). */
const MAX_LINKS = 40;
/** Node.js decompresses in this many threads. */
const MAX_PARALLEL = Math.min(availableParallelism(), 4);

/** Where layers come from. */
export type LayerSource = Pick<ImageStore, 'openLayer'>;

/** How layers are read. */
export interface LayerOptions {
  signal?: AbortSignal;
  /** Told how many of all bytes that have to be read were read. */
  onBytes?: (read: number, total: number) => void;
}

interface Found {
  node: LayerNode;
  layer: number;
}

/** Whether a layer removes `path` from the layers below it, or one of the directories it lies in. */
function hides(summary: LayerSummary, path: string): boolean {
  const { whiteouts, opaque } = summary;
  if (whiteouts.includes(path) || opaque.includes('')) return true;
  for (let slash = path.lastIndexOf('/'); slash !== -1; slash = path.lastIndexOf('/', slash - 1)) {
    const parent = path.slice(0, slash);
    if (whiteouts.includes(parent) || opaque.includes(parent)) return true;
    const node = nodeAt(summary, parent);
    if (node !== undefined && node.type !== 'directory') return true;
  }
  return false;
}

/** The error of something in an image that mpu cannot make out. */
function unusual(path: string, why: string): MpuError {
  const next = 'remove it from the image, or load the library by LD_PRELOAD: --read-layers never';
  return new MpuError({ code: 'image-unusual', what: `cannot read ${path} in the image`, why, next });
}

/** Runs `work` for each item, some at a time; the first failure stops the others. */
async function eachParallel<T>(
  items: readonly T[],
  outer: AbortSignal | undefined,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const rest = [...items];
  const failure = new AbortController();
  const signal = AbortSignal.any([failure.signal, ...(outer === undefined ? [] : [outer])]);
  const worker = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item, signal);
  };
  try {
    await Promise.all(Array.from({ length: MAX_PARALLEL }, worker));
  } catch (error) {
    rest.length = 0;
    failure.abort();
    throw error;
  }
}

/** The paths that following `parts` looks at, as far as there is no link among them. */
function prefixes(parts: readonly string[]): string[] {
  const end = parts.indexOf('..');
  const names = parts.slice(0, end === -1 ? parts.length : end).filter((part) => part !== '' && part !== '.');
  return names.map((_, index) => names.slice(0, index + 1).join('/'));
}

/** An image's files, out of its layer archives, which are read when the first question is asked. */
export class LayeredFiles implements ImageFiles {
  readonly #summaries: (LayerSummary | undefined)[] = [];

  /** `layers` are the layers of the image, the lowest first. */
  constructor(
    private readonly source: LayerSource,
    private readonly layers: readonly Descriptor[],
    private readonly options: LayerOptions = {},
    private readonly cache = new LayerCache(),
  ) {}

  async readFile(path: string): Promise<Buffer | undefined> {
    const summary = await this.#find(path, ({ data }) => data !== undefined);
    if (summary === undefined) return undefined;
    if (summary.data === undefined) throw unusual(path, 'it is too large');
    return Buffer.from(summary.data, 'base64');
  }

  async loader(path: string): Promise<LoaderSummary | undefined> {
    return (await this.#find(path, ({ loader }) => loader !== undefined))?.loader;
  }

  async digest(path: string): Promise<string | undefined> {
    return (await this.#find(path, () => true))?.digest;
  }

  /** Where a path really lies: links are followed, parts that do not exist are kept. */
  async realPath(path: string): Promise<string> {
    return `/${(await this.#resolve(path)).path}`;
  }

  /** The attributes of a directory, when they are not those that directories have by default. */
  async attributes(path: string): Promise<Attributes | undefined> {
    const node = (await this.#resolve(path)).found?.node;
    return node?.type === 'directory' ? node.attributes : undefined;
  }

  /**
   * A file or link as a layer would hold it; a link at the end of the path is not followed. Undefined where there is
   * nothing. Rejects for other things.
   */
  async entry(path: string): Promise<LayerEntry | undefined> {
    const directory = await this.#resolve(posix.dirname(path));
    const real = posix.join(directory.path, posix.basename(path));
    await this.#learn([real]);
    const found = this.#lookUp(real);
    if (found === undefined) return undefined;
    const { node } = found;
    if (node.type === 'symlink') return { type: 'symlink', path: real, target: node.target };
    const data = await this.readFile(path);
    const file = node.type === 'hardlink' ? nodeAt(this.#summaries[found.layer], node.target) : node;
    const attributes = file?.type === 'file' ? file.attributes : undefined;
    return { type: 'file', path: real, data: data ?? Buffer.alloc(0), ...(attributes && { attributes }) };
  }

  /** Whether there is something at a path. */
  async has(path: string): Promise<boolean> {
    return (await this.#resolve(path)).found !== undefined;
  }

  /** The summary of a file; reads its layer again, once, when it is not `enough`. */
  async #find(path: string, enough: (summary: FileSummary) => boolean): Promise<FileSummary | undefined> {
    const { path: real, found } = await this.#resolve(path);
    if (found === undefined) return undefined;
    const { node, layer } = found;
    if (node.type !== 'file' && node.type !== 'hardlink') throw unusual(path, 'it is no regular file');
    const at = node.type === 'file' ? real : node.target;
    const summaryOf = (): FileSummary | undefined => {
      const file = nodeAt(this.#summaries[layer], at);
      return file?.type === 'file' ? file.summary : undefined;
    };
    let summary = summaryOf();
    const isAsked = this.#summaries[layer]?.asked.includes(at) === true;
    if (!isAsked && (summary === undefined || !enough(summary))) {
      await this.#read([layer], [at]);
      summary = summaryOf();
    }
    if (summary === undefined)
      throw unusual(path, 'it is too large, or a link to something else than a file of its layer');
    return summary;
  }

  #lookUp(path: string): Found | undefined {
    for (let layer = this.layers.length - 1; layer >= 0; layer--) {
      const summary = this.#summaries[layer];
      if (summary === undefined) continue;
      const node = nodeAt(summary, path);
      if (node !== undefined) return { node, layer };
      if (hides(summary, path)) return undefined;
    }
    return undefined;
  }

  async #resolve(path: string): Promise<{ path: string; found: Found | undefined }> {
    const rest = path.split('/').reverse();
    const real: string[] = [];
    let found: Found | undefined;
    let links = 0;
    for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
      if (part === '' || part === '.') continue;
      if (part === '..') {
        real.pop();
        continue;
      }
      // All that is left of the path, so that layers are not read again for each part.
      await this.#learn(prefixes([...real, part, ...[...rest].reverse()]));
      found = this.#lookUp([...real, part].join('/'));
      if (found?.node.type !== 'symlink') {
        real.push(part);
        continue;
      }
      links += 1;
      if (links > MAX_LINKS) throw unusual(path, 'its symbolic links form a loop');
      const { target } = found.node;
      if (target.startsWith('/')) real.length = 0;
      rest.push(...target.split('/').reverse());
      found = undefined;
    }
    return { path: real.join('/'), found };
  }

  /** Makes the summaries of all layers tell about `paths`, from the cache or by reading them. */
  async #learn(paths: readonly string[]): Promise<void> {
    const isUnknown = (index: number): boolean => {
      const summary = this.#summaries[index];
      return summary === undefined || !paths.every((path) => knows(summary, path));
    };
    const unknown = this.layers.map((_, index) => index).filter(isUnknown);
    for (const index of unknown) this.#summaries[index] ??= await this.cache.find(this.layers[index]?.digest ?? '');
    await this.#read(
      unknown.filter(isUnknown),
      paths.filter((path) => !isExpected(path)),
    );
  }

  /** Reads layers, the topmost first, for all that is expected and for `paths`. */
  async #read(indexes: readonly number[], paths: readonly string[]): Promise<void> {
    const layers = indexes.flatMap((index) => {
      const descriptor = this.layers[index];
      return descriptor === undefined ? [] : [{ index, descriptor }];
    });
    const total = layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
    let read = 0;
    const onBytes = (count: number): void => {
      read += count;
      this.options.onBytes?.(read, total);
    };
    await eachParallel(layers.reverse(), this.options.signal, async ({ index, descriptor }, signal) => {
      const asked = new Set([...(this.#summaries[index]?.asked ?? []), ...paths]);
      const open = (): Promise<LayerData> => this.source.openLayer(descriptor);
      const { summary, isVerified } = await summarizeLayer(open, descriptor.digest, [...asked], { signal, onBytes });
      this.#summaries[index] = summary;
      if (isVerified) await this.cache.keep(descriptor.digest, summary);
    });
  }
}
