// SPDX-License-Identifier: GPL-2.0-only
/**
 * A stand-in for nerdctl, which is in no package that tests can install: `node fake-nerdctl.js DIRECTORY ARGUMENT...`. It
 * does what mpu asks of nerdctl as nerdctl 1.7 to 2.3 do, checks every argument, and refuses all else. What it holds
 * to: an image is known by its names and by the digest of its manifest, while `image inspect` shows the digest of the
 * configuration as its id; `save` writes the blobs as a registry has them, with a manifest.json.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';

interface Manifest {
  config: { digest: string };
  layers: { digest: string }[];
}

interface Config {
  os: string;
  architecture: string;
  config?: { Env?: string[]; Labels?: Record<string, string> };
  rootfs: { diff_ids: string[] };
}

const [directory = '', ...args] = process.argv.slice(2);

class Refusal extends Error {}

const hex = (digest: string): string => digest.slice('sha256:'.length);
const fullName = (name: string): string => `docker.io/library/${name.replace(/^docker\.io\/library\//, '')}`;
const placeOf = (name: string): string => join(directory, encodeURIComponent(fullName(name)));
const nameOf = (place: string): string => decodeURIComponent(basename(place));
const all = (): string[] => readdirSync(directory).map((entry) => join(directory, entry));

/** Where an image lies. */
function find(name: string): string {
  const [, wanted] = /^sha256:([0-9a-f]{64})$/.exec(name) ?? [];
  const place = wanted === undefined ? placeOf(name) : all().find((entry) => digestOf(entry) === name);
  if (place !== undefined && existsSync(place)) return place;
  throw new Refusal(`1 errors:\nno such image: ${name}`);
}

const manifestOf = (place: string): Buffer => readFileSync(join(place, 'manifest.json'));
const digestOf = (place: string): string => `sha256:${createHash('sha256').update(manifestOf(place)).digest('hex')}`;
const read = (place: string): Manifest => JSON.parse(manifestOf(place).toString()) as Manifest;

function inspect(name: string): string {
  const place = find(name);
  const { config: descriptor } = read(place);
  const { os, architecture, config, rootfs } = JSON.parse(
    readFileSync(join(place, hex(descriptor.digest)), 'utf8'),
  ) as Config;
  const others = all().filter((other) => other !== place && digestOf(other) === digestOf(place));
  const names = [place, ...others].map((one) => nameOf(one).replace('docker.io/library/', ''));
  const image = {
    Id: descriptor.digest,
    RepoTags: names,
    RepoDigests: names.map((one) => `${one.replace(/:.*/, '')}@${digestOf(place)}`),
    Config: { Env: config?.Env ?? null, Labels: config?.Labels ?? null },
    Architecture: architecture,
    Os: os,
    RootFS: { Type: 'layers', Layers: rootfs.diff_ids },
  };
  return JSON.stringify([image]);
}

function save(name: string, output: string): void {
  const place = find(name);
  const { config, layers } = read(place);
  const scratch = mkdtempSync(join(directory, '..', 'save-'));
  const blob = ({ digest }: { digest: string }): string => `blobs/sha256/${hex(digest)}`;
  mkdirSync(join(scratch, 'blobs/sha256'), { recursive: true });
  for (const part of [config, ...layers]) linkSync(join(place, hex(part.digest)), join(scratch, blob(part)));
  const list = [{ Config: blob(config), RepoTags: [nameOf(place)], Layers: layers.map(blob) }];
  writeFileSync(join(scratch, 'manifest.json'), JSON.stringify(list));
  execFileSync('tar', ['-cf', output, '-C', scratch, 'blobs', 'manifest.json']);
  rmSync(scratch, { recursive: true });
}

function load(input: string): string {
  const list = execFileSync('tar', ['-xOf', input, 'manifest.json']).toString();
  const names = (JSON.parse(list) as { RepoTags: string[] }[]).flatMap(({ RepoTags }) => RepoTags);
  for (const name of names) {
    rmSync(placeOf(name), { recursive: true, force: true });
    // Compressed, as what comes from a registry.
    const copy = ['copy', '--quiet', '--dest-compress', '--dest-compress-format=gzip'];
    execFileSync('skopeo', [...copy, `docker-archive:${input}`, `dir:${placeOf(name)}`]);
  }
  return names.map((name) => `Loaded image: ${name}`).join('\n');
}

function tag(source: string, target: string): void {
  // By name only: an id, too, is taken for one.
  if (source.startsWith('sha256:')) throw new Refusal(`image "${source}": not found`);
  const [from, to] = [find(source), placeOf(target)];
  rmSync(to, { recursive: true, force: true });
  execFileSync('cp', ['-a', from, to]);
}

function run(): string {
  const line = args.join(' ');
  if (line === '--version') return 'nerdctl version 2.2.0';
  if (line === 'images --quiet')
    return all()
      .map((place) => hex(digestOf(place)).slice(0, 12))
      .join('\n');
  if (args[0] === 'image' && args[1] === 'inspect' && args.length === 3) return inspect(args[2] ?? '');
  if (args[0] === 'tag' && args.length === 3) {
    tag(args[1] ?? '', args[2] ?? '');
    return '';
  }
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { platform: { type: 'string' }, output: { type: 'string' }, input: { type: 'string' } },
  });
  const [verb = '', name, ...more] = positionals;
  if (values.platform !== 'linux/amd64' || more.length > 0) throw new Refusal(`unexpected: ${line}`);
  if (verb === 'save' && name !== undefined && values.output !== undefined && values.input === undefined) {
    save(name, values.output);
    return '';
  }
  if (verb === 'load' && name === undefined && values.input !== undefined && values.output === undefined)
    return load(values.input);
  throw new Refusal(`unexpected: ${line}`);
}

try {
  process.stdout.write(`${run()}\n`);
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  process.stderr.write(`FATA[0000] ${error.message}\n`);
  process.exitCode = 1;
}
