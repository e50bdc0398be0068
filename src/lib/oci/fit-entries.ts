// SPDX-License-Identifier: GPL-2.0-only
/** Putting what is meant for `/etc` and `/usr/lib` where those are in an image. */
import { posix } from 'node:path';
import type { LayerEntry } from '../payload/layer-entry.js';
import type { LayeredFiles } from './layered-files.js';

/** The directories that a path lies in, the root's own first. */
function parents(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/**
 * The entries below `etc/` and `usr/lib/` where those lead in an image in which they are links. Directories
 * of the image that lie above them and have other attributes than engines give to missing ones are listed,
 * so that the layer does not change them.
 */
export async function fitEntries(entries: readonly LayerEntry[], files: LayeredFiles): Promise<LayerEntry[]> {
  const etc = await files.realPath('/etc');
  const lib = await files.realPath('/usr/lib');
  const fitted = entries.map((entry) => {
    const path = entry.path.startsWith('etc/')
      ? posix.join(etc, entry.path.slice('etc'.length))
      : posix.join(lib, entry.path.slice('usr/lib'.length));
    return { ...entry, path: path.slice(1) };
  });
  const own = new Set(fitted.map(({ path }) => path));
  const above = new Set(fitted.flatMap(({ path }) => parents(path)).filter((path) => !own.has(path)));
  for (const path of above) {
    const attributes = await files.attributes(`/${path}`);
    if (attributes !== undefined) fitted.push({ type: 'directory', path, attributes });
  }
  return fitted;
}
