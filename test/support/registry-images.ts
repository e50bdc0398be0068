// SPDX-License-Identifier: GPL-2.0-only
/** Images in a {@link TestRegistry}, for tests of the `mpu` command. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { Descriptor } from '#mpu/lib/oci/descriptor.js';
import { check, type Ended } from './mpu.js';
import { startRegistry, type RegistrySettings, type TestRegistry } from './registry.js';
import { TinyLayout, debianArmLayer, debianLayer, writeStandInLibraries } from './tiny-layout.js';

/** What `mpu inject --json` says. */
export interface Result {
  outcome: string;
  image: string;
  digest: string;
  sizeAdded: number;
  platforms: string[];
  skippedPlatforms: string[];
  error?: { code: string };
}

/** The JSON document that `mpu` printed. */
export const document = ({ stdout }: Ended): Result => JSON.parse(stdout) as Result;

/** An entry of a login file. */
export const loginEntry = (login: string): { auth: string } => ({ auth: Buffer.from(login).toString('base64') });

/** An empty directory that goes away with the test. */
export async function scratch(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'mpu-inject-registry-'));
  t.teardown(() => rm(directory, { recursive: true }));
  return directory;
}

/** An environment without logins but for those of `auths`, with libraries of a few bytes, and without encryption. */
export async function home(t: Test, auths: Record<string, object> = {}): Promise<NodeJS.ProcessEnv> {
  const directory = await scratch(t);
  await mkdir(join(directory, '.docker'));
  const libraries = join(directory, 'libraries');
  await writeStandInLibraries(libraries);
  await writeFile(join(directory, '.docker', 'config.json'), JSON.stringify({ auths }));
  return {
    PATH: process.env.PATH,
    HOME: directory,
    XDG_RUNTIME_DIR: directory,
    MPU_LIBRARY_DIR: libraries,
    MPU_PLAIN_HTTP: '1',
  };
}

/** A registry that stops with the test. */
export async function registry(t: Test, settings: RegistrySettings = {}): Promise<TestRegistry> {
  const started = await startRegistry(settings);
  t.teardown(() => started.stop());
  return started;
}

/** An image of a few platforms: one, or an index of many; `more` is for skopeo. Gives the digests of its layers. */
export async function pushImage(
  t: Test,
  to: string,
  platforms: readonly string[],
  more: string[] = [],
): Promise<string[]> {
  const layout = new TinyLayout(join(await scratch(t), 'layout'));
  const images: Descriptor[] = [];
  for (const platform of platforms) {
    const [os = '', architecture = ''] = platform.split('/');
    const layers = [
      architecture === 'arm64' ? debianArmLayer : debianLayer,
      { [platform.replace('/', '-')]: 'x'.repeat(5000) },
    ];
    images.push({ ...(await layout.image({ layers, architecture, os })), platform: { os, architecture } });
  }
  const [only] = images;
  const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
  const top =
    images.length > 1
      ? await layout.blob({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: images }, OCI_INDEX)
      : only;
  if (top === undefined) throw new Error('no platform');
  await layout.finish({ ...top, annotations: { 'org.opencontainers.image.ref.name': '1' } });
  await check('skopeo', [
    'copy',
    '--quiet',
    '--all',
    '--dest-tls-verify=false',
    ...more,
    `oci:${layout.directory}:1`,
    to,
  ]);
  const manifests = await Promise.all(
    images.map(async ({ digest }) => (await layout.json(digest)) as { layers: Descriptor[] }),
  );
  return manifests.flatMap(({ layers }) => layers.map(({ digest }) => digest));
}

/** An image as skopeo sees it. */
export interface Inspected {
  raw: string;
  layers: string[];
  environment: string[];
}

/** Runs skopeo; rejects unless it exits 0. */
export const skopeo = (...args: string[]): Promise<string> => check('skopeo', [...args]);
/** The manifest or index of an image. */
export const rawManifest = (image: string): Promise<string> => skopeo('inspect', '--tls-verify=false', '--raw', image);

/** Reads an image of one platform. */
export async function inspect(image: string): Promise<Inspected> {
  const raw = await rawManifest(image);
  const config = JSON.parse(await skopeo('inspect', '--tls-verify=false', '--config', image)) as {
    config: { Env?: string[] };
  };
  const { layers } = JSON.parse(raw) as { layers: Descriptor[] };
  return { raw, layers: layers.map(({ digest }) => digest), environment: config.config.Env ?? [] };
}
