// SPDX-License-Identifier: GPL-2.0-only
/** OCI layouts of a few KB, and libraries and loaders of a few bytes, for tests that run no program. */
import './own-cache.js';
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { buffer } from 'node:stream/consumers';
import type { Descriptor } from '#mpu/lib/oci/descriptor.js';
import type { LayerData } from '#mpu/lib/oci/image-store.js';

/** A file of other attributes than root's 0644. */
export interface TinyFile {
  text: string;
  mode: number;
  uid: number;
  gid: number;
}

/** Contents of a layer by path: text, a link (`-> target`), a file or, when the path ends with a slash, null or `MODE UID GID`. */
export type TinyLayer = Record<string, string | Buffer | TinyFile | null>;

/** What a glibc loader holds, as far as mpu looks. */
export const glibcLoader = (libraryDirectory: string): Buffer =>
  Buffer.from(`\u007fELF\0/etc/ld.so.preload\0dl_dst_lib\0${libraryDirectory}\0`, 'latin1');

/** A Debian file system as mpu sees it. */
export const debianLayer: TinyLayer = {
  'etc/': null,
  lib: '-> usr/lib',
  lib64: '-> usr/lib64',
  'usr/lib/': null,
  'usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2': glibcLoader('lib/x86_64-linux-gnu'),
  'usr/lib64/ld-linux-x86-64.so.2': '-> /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
};

/** The same for 64-bit ARM. */
export const debianArmLayer: TinyLayer = {
  lib: '-> usr/lib',
  'usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1': glibcLoader('lib/aarch64-linux-gnu'),
  'usr/lib/ld-linux-aarch64.so.1': '-> aarch64-linux-gnu/ld-linux-aarch64.so.1',
};

/** A layer as a tar archive. */
export async function tinyTar(layer: TinyLayer): Promise<Buffer> {
  const archive = pack();
  const bytes = buffer(archive);
  for (const [name, value] of Object.entries(layer)) {
    if (value === null) archive.entry({ name, type: 'directory' });
    else if (typeof value === 'string' && name.endsWith('/')) {
      const [mode = '', uid, gid] = value.split(' ');
      archive.entry({ name, type: 'directory', mode: Number.parseInt(mode, 8), uid: Number(uid), gid: Number(gid) });
    } else if (typeof value === 'string' && value.startsWith('-> ')) {
      archive.entry({ name, type: 'symlink', linkname: value.slice(3) });
    } else if (typeof value === 'string' && value.startsWith('=> ')) {
      archive.entry({ name, type: 'link', linkname: value.slice(3) });
    } else if (typeof value === 'object' && 'text' in value) {
      const { text, ...attributes } = value;
      archive.entry({ name, ...attributes }, text);
    } else archive.entry({ name }, value);
  }
  archive.finalize();
  return bytes;
}

/** One image of a tiny layout. */
export interface TinyImage {
  layers: TinyLayer[];
  architecture?: string;
  os?: string;
  tag?: string;
  docker?: boolean;
  /** Compression of the layers, default gzip. */
  compress?: (data: Buffer) => Buffer;
  config?: Record<string, unknown>;
  /** Media type of the configuration. */
  configType?: string;
  /** How its JSON is written, default without blanks. */
  spell?: (value: unknown) => string;
}

const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

/** Writes layouts. */
export class TinyLayout {
  constructor(readonly directory: string) {}

  /** Adds a blob. */
  async blob(data: Buffer | object, mediaType: string): Promise<Descriptor> {
    const bytes = Buffer.isBuffer(data) ? data : Buffer.from(JSON.stringify(data));
    const blobs = join(this.directory, 'blobs', 'sha256');
    await mkdir(blobs, { recursive: true });
    await writeFile(join(blobs, sha256(bytes)), bytes);
    return { mediaType, digest: `sha256:${sha256(bytes)}`, size: bytes.length };
  }

  /** Adds the blobs of an image and gives the descriptor of its manifest. */
  async image(image: TinyImage): Promise<Descriptor> {
    const docker = image.docker === true;
    const compress = image.compress ?? gzipSync;
    const layers: Descriptor[] = [];
    const diffIds: string[] = [];
    for (const layer of image.layers) {
      const archive = await tinyTar(layer);
      diffIds.push(`sha256:${sha256(archive)}`);
      layers.push(
        await this.blob(
          compress(archive),
          docker ? 'application/vnd.docker.image.rootfs.diff.tar.gzip' : 'application/vnd.oci.image.layer.v1.tar+gzip',
        ),
      );
    }
    const { architecture = 'amd64', os = 'linux' } = image;
    const spell = image.spell ?? JSON.stringify;
    const json = (value: object): Buffer => Buffer.from(spell(value));
    const config = await this.blob(
      json({
        architecture,
        os,
        config: { Cmd: ['/bin/true'], ...image.config },
        rootfs: { type: 'layers', diff_ids: diffIds },
        history: diffIds.map(() => ({ created_by: 'test' })),
        'x-unknown': 1,
      }),
      image.configType ??
        (docker ? 'application/vnd.docker.container.image.v1+json' : 'application/vnd.oci.image.config.v1+json'),
    );
    const mediaType = docker
      ? 'application/vnd.docker.distribution.manifest.v2+json'
      : 'application/vnd.oci.image.manifest.v1+json';
    const manifest = await this.blob(json({ schemaVersion: 2, mediaType, config, layers }), mediaType);
    const annotations =
      image.tag === undefined ? {} : { annotations: { 'org.opencontainers.image.ref.name': image.tag } };
    return { ...manifest, ...annotations };
  }

  /** Writes index.json and the layout's marker. */
  async finish(...manifests: Descriptor[]): Promise<this> {
    await mkdir(this.directory, { recursive: true });
    await writeFile(join(this.directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    await writeFile(join(this.directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
    return this;
  }

  /** A blob as stores give it to readers. */
  layerData({ digest, size }: Descriptor): LayerData {
    const path = join(this.directory, 'blobs', 'sha256', digest.slice('sha256:'.length));
    return { size, digest, content: { path, offset: 0 } };
  }

  /** A JSON file or blob of the layout. */
  async json(nameOrDigest: string): Promise<unknown> {
    const path = nameOrDigest.startsWith('sha256:') ? join('blobs', 'sha256', nameOrDigest.slice(7)) : nameOrDigest;
    return JSON.parse(await readFile(join(this.directory, path), 'utf8'));
  }

  /** The contents of every file of the layout, by path. */
  async snapshot(): Promise<Record<string, string>> {
    const files = await readdir(this.directory, { recursive: true, withFileTypes: true });
    const contents = files
      .filter((file) => file.isFile())
      .map(async (file) => {
        const path = join(file.parentPath, file.name);
        return [path.slice(this.directory.length + 1), sha256(await readFile(path))] as const;
      });
    return Object.fromEntries(await Promise.all(contents));
  }
}

/** Stand-ins for built libraries: an ELF header each, and a name. */
export async function writeStandInLibraries(directory: string, content = 'stand-in'): Promise<void> {
  for (const [name, elfClass, machine] of [
    ['x86_64', 2, 62],
    ['i386', 1, 3],
    ['aarch64', 2, 183],
  ] as const) {
    const data = Buffer.concat([Buffer.alloc(64), Buffer.from(`${content} for ${name}`)]);
    data.write('\u007fELF', 0, 'latin1');
    data.writeUInt8(elfClass, 4);
    data.writeUInt16LE(machine, 18);
    await mkdir(join(directory, name), { recursive: true });
    await writeFile(join(directory, name, 'libmpu.so'), data);
  }
}
