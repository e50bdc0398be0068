// SPDX-License-Identifier: GPL-2.0-only
/** What was found in layers, kept by their digests, so that each layer is read once in its life. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { writeAtomic } from '../system/replace-file.js';
import { isJsonObject } from '../system/json.js';
import type { LayerSummary } from './layer-summary.js';
import { makeDirectory } from '../system/make-directory.js';

/** Grows when summaries get another form or meaning. */
const FORMAT = 4;

/** `$XDG_CACHE_HOME/mpu/layers`, or the same in ~/.cache (XDG base directory specification). */
function cacheDirectory(env: NodeJS.ProcessEnv): string {
  const cache = env.XDG_CACHE_HOME ?? '';
  return join(isAbsolute(cache) ? cache : join(homedir(), '.cache'), 'mpu', 'layers');
}

function isSummary(value: unknown): value is LayerSummary & { format: number } {
  return (
    isJsonObject(value) &&
    value.format === FORMAT &&
    isJsonObject(value.nodes) &&
    [value.asked, value.whiteouts, value.opaque].every(Array.isArray)
  );
}

/** The cache of this user. */
export class LayerCache {
  constructor(private readonly directory: string = cacheDirectory(process.env)) {}

  /** What is known of the layer with a digest. */
  async find(digest: string): Promise<LayerSummary | undefined> {
    try {
      const value: unknown = JSON.parse(await readFile(this.#path(digest), 'utf8'));
      return isSummary(value) ? value : undefined;
    } catch {
      // Without its cache a layer is read again.
      return undefined;
    }
  }

  /** Keeps what was found; where it cannot be kept, it is found again next time. */
  async keep(digest: string, summary: LayerSummary): Promise<void> {
    try {
      await makeDirectory(this.directory, 0o700);
      await writeAtomic(this.#path(digest), Buffer.from(JSON.stringify({ format: FORMAT, ...summary })), 0o600);
    } catch {
      // A home that cannot be written to is no reason to fail.
    }
  }

  #path(digest: string): string {
    return join(this.directory, `${digest.replace(/[^a-z0-9]/g, '-')}.json`);
  }
}
