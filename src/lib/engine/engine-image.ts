// SPDX-License-Identifier: GPL-2.0-only
/** What engines say of an image. */
import { isJsonObject } from '../system/json.js';

/** An image in an engine's store. */
export interface EngineImage {
  /** `sha256:` and 64 hexadecimal digits. */
  id: string;
  os: string;
  architecture: string;
  variant: string | undefined;
  /** Digests of the uncompressed layers, the lowest first. */
  layers: string[];
  labels: Record<string, string>;
  /** `NAME=value` each. */
  environment: string[];
  /** Full names with tags. */
  names: string[];
  /** Whether a build on this image runs instructions of its own (ONBUILD), or may do so. */
  hasTriggers: boolean;
  /** Whether it is stored in docker's format, which can hold more than OCI's (health checks). */
  isDockerFormat: boolean;
  /** Seconds since 1970; undefined where the image does not say. */
  created: number | undefined;
}

function secondsOf(value: unknown): number | undefined {
  const seconds = typeof value === 'string' ? Math.floor(Date.parse(value) / 1000) : Number.NaN;
  return seconds >= 0 ? seconds : undefined;
}

const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];

const textOrNothing = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

const isTrigger = (line: unknown): boolean =>
  isJsonObject(line) &&
  typeof line.created_by === 'string' &&
  /^(\/bin\/sh -c #\(nop\) +)?ONBUILD /.test(line.created_by);

/** What the `config` object of an image's configuration says of its containers. */
function executionOf(value: unknown, history: unknown): Pick<EngineImage, 'labels' | 'environment' | 'hasTriggers'> {
  const config = isJsonObject(value) ? value : {};
  const labels = isJsonObject(config.Labels) ? config.Labels : {};
  return {
    labels: Object.fromEntries(Object.entries(labels).map(([name, label]) => [name, String(label)])),
    environment: strings(config.Env),
    // podman does not show them: only that there were some, which may be those of a base image.
    hasTriggers: strings(config.OnBuild).length > 0 || (Array.isArray(history) && history.some(isTrigger)),
  };
}

/** Parses what `image inspect` of docker, podman and nerdctl prints; throws for anything else. */
export function parseImage(data: Buffer): EngineImage {
  const parsed: unknown = JSON.parse(data.toString());
  const image: unknown = Array.isArray(parsed) ? parsed[0] : undefined;
  if (!isJsonObject(image) || typeof image.Id !== 'string') throw new TypeError('no image in the answer');
  const rootfs = isJsonObject(image.RootFS) ? image.RootFS : {};
  return {
    ...executionOf(image.Config, image.History),
    id: `sha256:${image.Id.replace(/^sha256:/, '')}`,
    os: String(image.Os),
    architecture: String(image.Architecture),
    variant: textOrNothing(image.Variant),
    layers: strings(rootfs.Layers),
    names: strings(image.RepoTags),
    isDockerFormat: typeof image.ManifestType !== 'string' || image.ManifestType.includes('docker'),
    created: secondsOf(image.Created),
  };
}

/** Parses what `buildah inspect --type image` prints, and, for the names, `buildah images --json --no-trunc`. */
export function parseBuildahImage(inspected: Buffer, listed: Buffer): EngineImage {
  const image: unknown = JSON.parse(inspected.toString());
  const docker = isJsonObject(image) ? image.Docker : undefined;
  if (!isJsonObject(image) || typeof image.FromImageID !== 'string' || !isJsonObject(docker))
    throw new TypeError('no image in the answer');
  const rootfs = isJsonObject(docker.rootfs) ? docker.rootfs : {};
  const id = `sha256:${image.FromImageID}`;
  const list: unknown = JSON.parse(listed.toString() || '[]');
  const names = (Array.isArray(list) ? (list as unknown[]) : []).flatMap((entry) =>
    isJsonObject(entry) && typeof entry.id === 'string' && `sha256:${entry.id.replace(/^sha256:/, '')}` === id
      ? strings(entry.names)
      : [],
  );
  return {
    ...executionOf(docker.config, undefined),
    id,
    os: String(docker.os),
    architecture: String(docker.architecture),
    variant: textOrNothing(docker.variant),
    layers: strings(rootfs.diff_ids),
    names: [...new Set(names)],
    isDockerFormat: typeof image.Manifest === 'string' && image.Manifest.includes('vnd.docker.'),
    created: secondsOf(docker.created),
  };
}
