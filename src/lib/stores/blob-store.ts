// SPDX-License-Identifier: GPL-2.0-only
/** The content-addressed files of an OCI image layout directory. */
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MpuError, errnoName, fileError } from '../errors.js';
import { writeAtomic } from '../system/replace-file.js';
import { MAX_JSON_SIZE, type Descriptor } from '../oci/descriptor.js';
import { parseJsonObject, type JsonObject } from '../system/json.js';
import { matchesDigest, sha256 } from '../image/digest.js';

/** What a layout lies in, as image names begin: a directory or a tar archive of one. */
export type LayoutTransport = 'oci' | 'oci-archive';

/** The error of a layout whose contents are not what the specification says. */
export function layoutError(path: string, why: string, cause?: unknown, transport: LayoutTransport = 'oci'): MpuError {
  return new MpuError({
    code: 'layout-invalid',
    what: `${path} is no usable OCI layout`,
    why,
    next: `make it again, e.g. skopeo copy docker://IMAGE ${transport}:${path}:TAG`,
    cause,
  });
}

/** The blobs of one layout. What was added can be discarded until {@link BlobStore.keep}. */
export class BlobStore {
  readonly #added: string[] = [];

  constructor(readonly directory: string) {}

  /** Path of a blob's file; rejects digests that are not sha256 or sha512 before they become a path. */
  path(digest: string): string {
    const [, algorithm, hex] = /^(sha256|sha512):([0-9a-f]+)$/.exec(digest) ?? [];
    if (algorithm === undefined || hex?.length !== (algorithm === 'sha256' ? 64 : 128)) {
      throw layoutError(this.directory, `${JSON.stringify(digest)} is no digest that is known`);
    }
    return join(this.directory, 'blobs', algorithm, hex);
  }

  /** Whether a blob is there. Some tools leave out those of other platforms. */
  async has(digest: string): Promise<boolean> {
    return stat(this.path(digest)).then(
      () => true,
      () => false,
    );
  }

  /** A blob's JSON object, its size and digest checked. */
  async readJson(descriptor: Descriptor): Promise<JsonObject> {
    const { digest, size } = descriptor;
    const path = this.path(digest);
    if (size > MAX_JSON_SIZE) throw layoutError(this.directory, `${digest} is too large for a manifest: ${size} bytes`);
    let data: Buffer;
    try {
      data = await readFile(path);
    } catch (error) {
      if (errnoName(error) === 'ENOENT') throw layoutError(this.directory, `the blob ${digest} is missing`, error);
      throw fileError(error, `cannot read ${path}`);
    }
    if (!matchesDigest(data, digest)) throw layoutError(this.directory, `the blob ${digest} is damaged`);
    return parseJsonObject(data, `the blob ${digest}`, (why, cause) => layoutError(this.directory, why, cause));
  }

  /** Adds a blob, unless it is there; returns its descriptor. */
  async add(data: Buffer, mediaType: string): Promise<Descriptor> {
    const digest = sha256(data);
    const descriptor = { mediaType, digest, size: data.length };
    if (await this.has(digest)) return descriptor;
    const path = this.path(digest);
    await writeAtomic(path, data);
    this.#added.push(path);
    return descriptor;
  }

  /** Keeps what was added, once something refers to it. */
  keep(): void {
    this.#added.length = 0;
  }

  /** Removes what was added since the last {@link BlobStore.keep}. */
  async discard(): Promise<void> {
    for (const path of this.#added.splice(0)) await rm(path, { force: true });
  }
}
