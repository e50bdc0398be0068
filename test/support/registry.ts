// SPDX-License-Identifier: GPL-2.0-only
/** The real registry (Debian's docker-registry) on loopback, with an empty store of its own. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { check } from './mpu.js';

/** How a registry protects itself. */
export interface RegistrySettings {
  /** One who may log in with basic authorization. */
  user?: { name: string; password: string };
  /** Tokens of a service instead. */
  token?: { realm: string; service: string; issuer: string; certificate: string };
  /** Certificate and key files, and the authority of clients that alone are let in. */
  tls?: { certificate: string; key: string; authority?: string };
}

/** One line of the access log. */
export interface LoggedRequest {
  method: string;
  path: string;
  status: number;
}

/** A running registry. */
export interface TestRegistry {
  /** `127.0.0.1:PORT` */
  host: string;
  directory: string;
  /** What was asked since the last call, but for what was not answered yet. */
  requests: () => Promise<LoggedRequest[]>;
  stop: () => Promise<void>;
}

const json = (value: unknown): string => JSON.stringify(value);

/** The configuration; JSON is YAML. */
async function configuration(directory: string, { user, token, tls }: RegistrySettings): Promise<string> {
  let auth = {};
  if (user !== undefined) {
    const path = join(directory, 'htpasswd');
    await writeFile(path, await check('htpasswd', ['-Bbn', user.name, user.password]));
    auth = { auth: { htpasswd: { realm: 'test', path } } };
  } else if (token !== undefined) {
    auth = {
      auth: {
        token: { realm: token.realm, service: token.service, issuer: token.issuer, rootcertbundle: token.certificate },
      },
    };
  }
  const clients = tls?.authority === undefined ? {} : { clientcas: [tls.authority] };
  return json({
    version: '0.1',
    log: { level: 'info', accesslog: { disabled: false } },
    storage: { filesystem: { rootdirectory: join(directory, 'storage') }, delete: { enabled: true } },
    http: {
      addr: '127.0.0.1:0',
      ...(tls === undefined ? {} : { tls: { certificate: tls.certificate, key: tls.key, ...clients } }),
    },
    ...auth,
  });
}

/** Starts a registry on a free port. */
export async function startRegistry(settings: RegistrySettings = {}): Promise<TestRegistry> {
  const directory = await mkdtemp(join(tmpdir(), 'mpu-registry-'));
  const [config, log] = [join(directory, 'config.yml'), join(directory, 'log')];
  await writeFile(config, await configuration(directory, settings));
  await writeFile(log, '');
  const daemon = spawn('sh', ['-c', 'exec docker-registry serve "$1" >"$0" 2>&1', log, config], { stdio: 'ignore' });
  const ended = new Promise((resolve) => daemon.on('exit', resolve));
  const stop = async (): Promise<void> => {
    daemon.kill();
    await ended;
    await rm(directory, { recursive: true, force: true });
  };
  let host: string | undefined;
  for (let attempt = 0; attempt < 200 && host === undefined && daemon.exitCode === null; attempt++) {
    host = /listening on (127\.0\.0\.1:\d+)/.exec(await readFile(log, 'utf8'))?.[1];
    await sleep(50);
  }
  if (host === undefined) {
    const said = await readFile(log, 'utf8');
    await stop();
    throw new Error(`docker-registry does not start: ${said.slice(-2000)}`);
  }
  let seen = 0;
  const requests = async (): Promise<LoggedRequest[]> => {
    const lines = [
      ...(await readFile(log, 'utf8')).matchAll(/"(GET|HEAD|PUT|POST|PATCH|DELETE) (\S+) HTTP\/1\.1" (\d+)/g),
    ];
    const fresh = lines
      .slice(seen)
      .map(([, method = '', path = '', status]) => ({ method, path, status: Number(status) }));
    seen = lines.length;
    return fresh;
  };
  return { host, directory, requests, stop };
}
