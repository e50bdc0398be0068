// SPDX-License-Identifier: GPL-2.0-only
/** The logins that docker and podman keep. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { errnoName, messageOf } from '../errors.js';
import { isJsonObject, type JsonObject } from '../system/json.js';
import { askHelper } from './credential-helper.js';
import { parseSecret, type Login } from './login.js';
import { DOCKER_HUB } from '../image/registry-reference.js';

/** What the search for a login gave. */
export interface FoundLogin {
  login: Login | undefined;
  /** For people: where it is from, or that there is none, and what could not be read on the way. */
  story: string;
}

/** Docker Hub's key in docker's own file and in its credential stores. */
const DOCKER_HUB_KEY = 'https://index.docker.io/v1/';

/**
 * The files in the order in which they are searched (containers-auth.json(5); docker, "Configuration files").
 * REGISTRY_AUTH_FILE and DOCKER_CONFIG each stand in for the default directories of podman and of docker.
 */
function loginFiles(env: NodeJS.ProcessEnv): string[] {
  const home = env.HOME ?? homedir();
  const set = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  const named = set('REGISTRY_AUTH_FILE');
  const runtime = set('XDG_RUNTIME_DIR');
  const directories = [
    runtime === undefined ? `/run/containers/${process.getuid?.() ?? 0}` : join(runtime, 'containers'),
    join(set('XDG_CONFIG_HOME') ?? join(home, '.config'), 'containers'),
  ];
  const podman = named === undefined ? directories.map((directory) => join(directory, 'auth.json')) : [named];
  return [...podman, join(set('DOCKER_CONFIG') ?? join(home, '.docker'), 'config.json')];
}

/** A key of a login file as `HOST[:PORT][/PATH]`: docker's older ones are URLs of its registry API. */
function normalizeKey(key: string): string {
  const host = key.replace(/^https?:\/\//, '').replace(/\/(?:v[12]\/?)?$/, '');
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? DOCKER_HUB : host;
}

/** The keys for a repository, the closest first: `host/a/b`, `host/a`, `host`. */
function keysFor(host: string, repository: string): string[] {
  const parts = repository.split('/');
  return [...parts.map((_, index) => [host, ...parts.slice(0, parts.length - index)].join('/')), host];
}

/** The values of the keys in an object whose keys are written in many ways, those of the closest key first. */
function valuesFor(object: unknown, keys: readonly string[]): unknown[] {
  const entries = isJsonObject(object) ? Object.entries(object) : [];
  return keys.flatMap((wanted) => entries.filter(([key]) => normalizeKey(key) === wanted).map(([, value]) => value));
}

/** The login in an entry of `auths`; docker leaves entries empty whose secret is in its credential store. */
function loginOf(entry: unknown): Login | undefined {
  if (!isJsonObject(entry)) return undefined;
  const { identitytoken, registrytoken, auth, username, password } = entry;
  if (typeof identitytoken === 'string' && identitytoken !== '') return { kind: 'identity', token: identitytoken };
  if (typeof registrytoken === 'string' && registrytoken !== '') return { kind: 'token', token: registrytoken };
  if (typeof auth === 'string' && auth !== '') {
    const [, name, secret] = /^([^:]*):([^\0]*)/.exec(Buffer.from(auth, 'base64').toString()) ?? [];
    return name === undefined || secret === undefined
      ? undefined
      : { kind: 'password', username: name, password: secret };
  }
  if (typeof username === 'string' && typeof password === 'string') return { kind: 'password', username, password };
  return undefined;
}

async function readLoginFile(path: string): Promise<JsonObject | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoName(error) ?? '')) return undefined;
    throw error;
  }
  const value = parseSecret(text);
  if (!isJsonObject(value)) throw new TypeError('it is no JSON object');
  return value;
}

/** Looks in one file: a helper for this registry, then the file itself, then the store for all (as docker and podman). */
async function searchFile(
  file: JsonObject,
  keys: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<Login | undefined> {
  const host = keys.at(-1) ?? '';
  const servers = host === DOCKER_HUB ? [DOCKER_HUB_KEY, DOCKER_HUB] : [host];
  const ask = async (helper: unknown): Promise<Login | undefined> => {
    if (typeof helper !== 'string' || helper === '') return undefined;
    for (const server of servers) {
      const login = await askHelper(helper, server, env, signal);
      if (login !== undefined) return login;
    }
    return undefined;
  };
  const [helper] = valuesFor(file.credHelpers, keys);
  const inFile = valuesFor(file.auths, keys)
    .map(loginOf)
    .find((login) => login !== undefined);
  return (await ask(helper)) ?? inFile ?? (await ask(file.credsStore));
}

/**
 * Finds the login for a repository of a registry (`HOST[:PORT]`, Docker Hub is `docker.io`). A file or helper
 * that cannot be read is no error: many images need no login. The story names it, for when one was needed.
 */
export async function findLogin(
  host: string,
  repository: string,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<FoundLogin> {
  const keys = keysFor(host, repository);
  const problems: string[] = [];
  for (const path of loginFiles(env)) {
    try {
      const file = await readLoginFile(path);
      const login = file === undefined ? undefined : await searchFile(file, keys, env, signal);
      if (login !== undefined) return { login, story: `the login is that of ${path}` };
    } catch (error) {
      problems.push(`${path} cannot be used: ${messageOf(error)}`);
    }
  }
  return { login: undefined, story: ['no login was found for it', ...problems].join('; ') };
}
