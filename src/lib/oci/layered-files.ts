// SPDX-License-Identifier: GPL-2.0-only
/** The files of an image, looked up in its layers from the top down without unpacking them. */
import { MpuError } from '../errors.js';
import type { ImageFiles } from '../injection-plan.js';
import { loaderFacts, type LoaderFacts } from '../loader.js';
import { sha256, type Descriptor } from './descriptor.js';
import type { ImageStore } from './image-store.js';
import { indexLayer, type LayerIndex, type LayerNode } from './layer-index.js';

/** As in the kernel (MAXSYMLINKS). */
const MAX_LINKS = 40;
/** Files that are looked for in every image; keeping them spares a second reading of their layer. */
const EXPECTED_FILE = /(?:^|\/)(?:ld\.so\.preload|libmpu\.so|ld-[^/]*\.so[^/]*)$/;

/** Where layers come from. */
export type LayerSource = Pick<ImageStore, 'openLayer'>;

/** How layers are read. */
export interface LayerOptions {
  signal?: AbortSignal;
}

interface Found {
  node: LayerNode;
  layer: number;
}

/** Whether a layer removes `path` from the layers below it, or one of the directories it lies in. */
function hides(index: LayerIndex, path: string): boolean {
  if (index.whiteouts.has(path) || index.opaque.has('')) return true;
  for (let slash = path.lastIndexOf('/'); slash !== -1; slash = path.lastIndexOf('/', slash - 1)) {
    const parent = path.slice(0, slash);
    if (index.whiteouts.has(parent) || index.opaque.has(parent)) return true;
    const node = index.nodes.get(parent);
    if (node !== undefined && node.type !== 'directory') return true;
  }
  return false;
}

/** An image's files, out of its layer archives. A layer is read when a question reaches it. */
export class LayeredFiles implements ImageFiles {
  readonly #source: LayerSource;
  readonly #layers: readonly Descriptor[];
  readonly #signal: AbortSignal | undefined;
  readonly #indexes: (LayerIndex | undefined)[] = [];

  /** `layers` are the layers of the image, the lowest first. */
  constructor(source: LayerSource, layers: readonly Descriptor[], { signal }: LayerOptions = {}) {
    this.#source = source;
    this.#layers = layers;
    this.#signal = signal;
  }

  async loader(path: string): Promise<LoaderFacts | undefined> {
    const data = await this.readFile(path);
    return data === undefined ? undefined : loaderFacts(data);
  }

  async digest(path: string): Promise<string | undefined> {
    const data = await this.readFile(path);
    return data === undefined ? undefined : sha256(data);
  }

  async readFile(path: string): Promise<Buffer | undefined> {
    const { path: real, found } = await this.#resolve(path);
    if (found === undefined) return undefined;
    const { node, layer } = found;
    if (node.type === 'hardlink') return this.#data(layer, node.target);
    if (node.type === 'file') return node.data ?? this.#data(layer, real);
    throw new MpuError({
      code: 'image-unusual',
      what: `cannot read ${path} in the image`,
      why: `it is no regular file`,
      next: 'remove it from the image',
    });
  }

  /** Where a path really lies: links are followed, parts that do not exist are kept. */
  async realPath(path: string): Promise<string> {
    return `/${(await this.#resolve(path)).path}`;
  }

  async #data(layer: number, path: string): Promise<Buffer> {
    let node = (await this.#index(layer)).nodes.get(path);
    if (node?.type === 'file' && node.data === undefined) {
      node = (await this.#read(layer, (candidate) => candidate === path)).nodes.get(path);
    }
    if (node?.type === 'file' && node.data !== undefined) return node.data;
    throw new MpuError({
      code: 'image-unusual',
      what: `cannot read /${path} in the image`,
      why: 'it is too large, or a link to something else than a file of its layer',
      next: 'remove it from the image',
    });
  }

  async #index(layer: number): Promise<LayerIndex> {
    const known = this.#indexes[layer];
    if (known !== undefined) return known;
    const index = await this.#read(layer, (path) => EXPECTED_FILE.test(path));
    this.#indexes[layer] = index;
    return index;
  }

  async #read(layer: number, wanted: (path: string) => boolean): Promise<LayerIndex> {
    const descriptor = this.#layers[layer];
    if (descriptor === undefined) throw new RangeError(`there is no layer ${layer}`);
    return indexLayer(await this.#source.openLayer(descriptor), wanted, this.#signal);
  }

  async #lookUp(path: string): Promise<Found | undefined> {
    for (let layer = this.#layers.length - 1; layer >= 0; layer--) {
      const index = await this.#index(layer);
      const node = index.nodes.get(path);
      if (node !== undefined) return { node, layer };
      if (hides(index, path)) return undefined;
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
      found = await this.#lookUp([...real, part].join('/'));
      if (found?.node.type !== 'symlink') {
        real.push(part);
        continue;
      }
      links += 1;
      if (links > MAX_LINKS) {
        throw new MpuError({
          code: 'image-unusual',
          what: `cannot read ${path} in the image`,
          why: 'its symbolic links form a loop',
          next: 'remove them from the image',
        });
      }
      const { target } = found.node;
      if (target.startsWith('/')) real.length = 0;
      rest.push(...target.split('/').reverse());
      found = undefined;
    }
    return { path: real.join('/'), found };
  }
}
