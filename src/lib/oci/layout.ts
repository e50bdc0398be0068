// SPDX-License-Identifier: GPL-2.0-only
/** The index of an OCI image layout directory: which tag names which image. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ExitCode, MpuError, errnoName, fileError } from '../errors.js';
import { version } from '../version.js';
import { BlobStore, layoutError, parseJsonObject, writeAside } from './blob-store.js';
import { isDescriptor, omit, type Descriptor, type JsonObject } from './descriptor.js';

/** Annotation that holds a tag (image-spec, annotations.md). */
const REF_NAME = 'org.opencontainers.image.ref.name';
/** Annotation of index entries that mpu made; its value is the version of mpu. */
const MADE_BY_MPU = 'dev.mpu.version';
/** containerd's full image name would contradict the new tag. */
const CONTAINERD_NAME = 'io.containerd.image.name';

/** An opened OCI layout. */
export class Layout {
  private constructor(
    readonly directory: string,
    readonly blobs: BlobStore,
    readonly entries: readonly Descriptor[],
    private readonly index: JsonObject,
    private readonly indexBytes: Buffer,
  ) {}

  /** Opens a layout and checks what it is. */
  static async open(directory: string): Promise<Layout> {
    const marker = parseJsonObject(await readLayoutFile(directory, 'oci-layout'), directory, 'oci-layout');
    const layoutVersion = marker.imageLayoutVersion;
    if (typeof layoutVersion !== 'string' || !layoutVersion.startsWith('1.')) {
      throw layoutError(directory, `its version is ${JSON.stringify(layoutVersion)}, not 1.x`);
    }
    const bytes = await readLayoutFile(directory, 'index.json');
    const index = parseJsonObject(bytes, directory, 'index.json');
    const entries: unknown = index.manifests;
    if (!Array.isArray(entries) || !entries.every(isDescriptor)) {
      throw layoutError(directory, 'index.json has no list of manifests');
    }
    return new Layout(directory, new BlobStore(directory), entries, index, bytes);
  }

  /** The tag of an entry of the index, if it has one. */
  static tagOf(entry: Descriptor): string | undefined {
    return entry.annotations?.[REF_NAME];
  }

  /** Whether mpu made this entry. */
  static isMadeByMpu(entry: Descriptor): boolean {
    return entry.annotations?.[MADE_BY_MPU] !== undefined;
  }

  /** The entry of a tag, undefined when there is none. */
  find(tag: string): Descriptor | undefined {
    const found = this.entries.filter((entry) => Layout.tagOf(entry) === tag);
    if (found.length > 1) throw layoutError(this.directory, `${found.length} images have the tag ${tag}`);
    return found[0];
  }

  /** The image to take: that of the tag or, without a tag, the only one that mpu did not make. */
  select(tag: string | undefined): Descriptor {
    const tags = this.entries.map((entry) => Layout.tagOf(entry)).filter((name) => name !== undefined);
    const known = tags.length === 0 ? 'it has no tag' : `its tags are: ${tags.join(', ')}`;
    const what = `cannot find the image in ${this.directory}`;
    if (tag !== undefined) {
      const found = this.find(tag);
      if (found !== undefined) return found;
      const next = `mpu inject oci:${this.directory}:${tags[0] ?? 'TAG'}`;
      throw new MpuError({ code: 'tag-not-found', what, why: `there is no tag ${tag}; ${known}`, next });
    }
    const originals = this.entries.filter((entry) => !Layout.isMadeByMpu(entry));
    const candidates = originals.length > 0 ? originals : this.entries;
    const [only] = candidates;
    if (only !== undefined && candidates.length === 1) return only;
    if (only === undefined) throw layoutError(this.directory, 'it holds no image');
    throw new MpuError({
      code: 'tag-needed',
      what,
      why: `it holds ${candidates.length} images; ${known}`,
      next: `mpu inject oci:${this.directory}:${tags[0] ?? 'TAG'}`,
      exitCode: ExitCode.usage,
    });
  }

  /**
   * Gives an image a tag, in place of the one that had it. index.json is replaced as a whole, and only
   * if nothing else has changed it since it was opened; the blobs that were added are kept from then on.
   * `isMadeByMpu`: see {@link Layout.isMadeByMpu}.
   */
  async tag(image: Descriptor, tag: string, isMadeByMpu: boolean): Promise<void> {
    const annotations = omit(image.annotations ?? {}, CONTAINERD_NAME, MADE_BY_MPU);
    const mark = isMadeByMpu ? { [MADE_BY_MPU]: version } : {};
    const entry: Descriptor = { ...image, annotations: { ...annotations, [REF_NAME]: tag, ...mark } };
    const manifests = [...this.entries.filter((other) => Layout.tagOf(other) !== tag), entry];
    const path = join(this.directory, 'index.json');
    if (!(await readLayoutFile(this.directory, 'index.json')).equals(this.indexBytes)) {
      throw new MpuError({
        code: 'layout-busy',
        what: `cannot add an image to ${this.directory}`,
        why: 'another program changed it in the meantime',
        next: 'run it again',
      });
    }
    const { mode } = await stat(path);
    await writeAside(path, Buffer.from(JSON.stringify({ ...this.index, manifests })), mode & 0o777);
    this.blobs.keep();
  }
}

async function readLayoutFile(directory: string, name: string): Promise<Buffer> {
  const path = join(directory, name);
  try {
    return await readFile(path);
  } catch (error) {
    const errno = errnoName(error);
    if (errno !== 'ENOENT' && errno !== 'ENOTDIR') throw fileError(error, `cannot read the OCI layout ${directory}`);
    const exists = await stat(directory).then(
      (found) => found.isDirectory(),
      () => false,
    );
    throw layoutError(directory, exists ? `it has no ${name}` : 'there is no such directory', error);
  }
}
