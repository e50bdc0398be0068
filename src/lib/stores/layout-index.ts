// SPDX-License-Identifier: GPL-2.0-only
/** index.json of an OCI layout, in a directory or an archive: which tag names which image. */
import { ExitCode, MpuError } from '../errors.js';
import { Label } from '../image/labels.js';
import { version } from '../package/version.js';
import { layoutError, type LayoutTransport } from './blob-store.js';
import { isDescriptor, omit, type Descriptor } from '../oci/descriptor.js';
import { parseJsonObject, type JsonObject } from '../system/json.js';

/** Annotation that holds a tag (image-spec, annotations.md). */
const REF_NAME = 'org.opencontainers.image.ref.name';
/** containerd's full image name would contradict the new tag. */
const CONTAINERD_NAME = 'io.containerd.image.name';

/** The tag of an entry, if it has one. */
export function tagOf(entry: Descriptor): string | undefined {
  return entry.annotations?.[REF_NAME];
}

/** Tells entries that mpu made: their annotation is the version of mpu. */
export function isEntryOfMpu(entry: Descriptor): boolean {
  return entry.annotations?.[Label.version] !== undefined;
}

/** The entry that gives an image a tag. `isMade`: see {@link isEntryOfMpu}. */
export function entryOf(image: Descriptor, tag: string | undefined, isMade: boolean): Descriptor {
  const annotations = {
    ...omit(image.annotations ?? {}, REF_NAME, CONTAINERD_NAME, Label.version),
    ...(tag === undefined ? {} : { [REF_NAME]: tag }),
    ...(isMade ? { [Label.version]: version } : {}),
  };
  const entry = { ...image, annotations };
  if (Object.keys(annotations).length === 0) Reflect.deleteProperty(entry, 'annotations');
  return entry;
}

/** Checks the contents of the file `oci-layout`; `invalid` makes the error. */
export function checkMarker(bytes: Buffer, invalid: (why: string, cause?: unknown) => MpuError): void {
  const layoutVersion = parseJsonObject(bytes, 'oci-layout', invalid).imageLayoutVersion;
  if (typeof layoutVersion === 'string' && layoutVersion.startsWith('1.')) return;
  throw invalid(`its version is ${JSON.stringify(layoutVersion)}, not 1.x`);
}

/** The images of a layout. */
export class LayoutIndex {
  readonly entries: readonly Descriptor[];
  readonly #json: JsonObject;

  /** `path` is the layout's. */
  constructor(
    bytes: Buffer,
    private readonly path: string,
    private readonly transport: LayoutTransport,
  ) {
    this.#json = parseJsonObject(bytes, 'index.json', (why, cause) => this.#invalid(why, cause));
    const entries: unknown = this.#json.manifests;
    if (!Array.isArray(entries) || !entries.every(isDescriptor))
      throw this.#invalid('index.json has no list of manifests');
    this.entries = entries;
  }

  /** The entry of a tag, undefined when there is none. */
  find(tag: string): Descriptor | undefined {
    const found = this.entries.filter((entry) => tagOf(entry) === tag);
    if (found.length > 1) throw this.#invalid(`${found.length} images have the tag ${tag}`);
    return found[0];
  }

  /** The image to take: that of the tag or, without a tag, the only one that mpu did not make. */
  select(tag: string | undefined): Descriptor {
    const tags = this.entries.map(tagOf).filter((name) => name !== undefined);
    const known = tags.length === 0 ? 'it has no tag' : `its tags are: ${tags.join(', ')}`;
    const what = `cannot find the image in ${this.path}`;
    const next = `name one: ${this.transport}:${this.path}:${tags[0] ?? 'TAG'}`;
    if (tag !== undefined) {
      const found = this.find(tag);
      if (found !== undefined) return found;
      throw new MpuError({ code: 'tag-not-found', what, why: `there is no tag ${tag}; ${known}`, next });
    }
    const originals = this.entries.filter((entry) => !isEntryOfMpu(entry));
    const candidates = originals.length > 0 ? originals : this.entries;
    const [only] = candidates;
    if (only !== undefined && candidates.every(({ digest }) => digest === only.digest)) return only;
    if (only === undefined) throw this.#invalid('it holds no image');
    throw new MpuError({
      code: 'tag-needed',
      what,
      why: `it holds ${candidates.length} images; ${known}`,
      next,
      exitCode: ExitCode.usage,
    });
  }

  /** index.json with an entry more, in place of the one of the same tag. */
  withEntry(entry: Descriptor): Buffer {
    const manifests = [...this.entries.filter((other) => tagOf(other) !== tagOf(entry)), entry];
    return Buffer.from(JSON.stringify({ ...this.#json, manifests }));
  }

  #invalid(why: string, cause?: unknown): MpuError {
    return layoutError(this.path, why, cause, this.transport);
  }
}
