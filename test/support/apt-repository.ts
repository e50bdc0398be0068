// SPDX-License-Identifier: GPL-2.0-only
/** Package repositories made by a test, in any state that a real one may be in, and an apt that is configured with them. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createSocket, type AddressInfo } from 'node:net';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A package of a repository. */
export interface TestPackage {
  name: string;
  version?: string;
  /** Contents by path; one that begins with `-> ` makes a link. */
  files?: Record<string, string>;
  /** dpkg's name of an architecture; this machine's unless given. */
  architecture?: string;
}

/** Builds a package in the directory `root` and adds it to the index `root`/`index`/Packages. Returns the package's path. */
export async function addPackage(root: string, index: string, wanted: TestPackage): Promise<string> {
  const { name, version = '1', files = {} } = wanted;
  const architecture = wanted.architecture ?? (await run('dpkg', ['--print-architecture'])).stdout.trim();
  const control = `Package: ${name}\nVersion: ${version}\nArchitecture: ${architecture}\nMaintainer: none <none@mpu.test>\nDescription: test\n`;
  const tree = join(root, 'tree', `${name}_${version}_${architecture}`);
  await mkdir(join(tree, 'DEBIAN'), { recursive: true });
  await writeFile(join(tree, 'DEBIAN', 'control'), control);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(tree, path, '..'), { recursive: true });
    if (content.startsWith('-> ')) await symlink(content.slice(3), join(tree, path));
    else await writeFile(join(tree, path), content, { mode: 0o755 });
  }
  await mkdir(join(root, index), { recursive: true });
  const file = join(root, index, `${name}_${version}_${architecture}.deb`);
  await run('dpkg-deb', ['--root-owner-group', '-b', tree, file]);
  const digest = createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
  const entry = `${control}Filename: ./${relative(root, file)}\nSize: ${(await stat(file)).size}\nSHA256: ${digest}\n\n`;
  await appendFile(join(root, index, 'Packages'), entry);
  return file;
}

/** Path of the index of a suite's component `main` in a repository. */
export const indexOf = (suite: string, architecture: string): string =>
  join('dists', suite, 'main', `binary-${architecture}`);

/** A mirror on the loopback interface. */
export interface Mirror {
  url: string;
  /** Paths that were asked for, in order; those answered with an error as well. */
  requests: string[];
  close(): Promise<void>;
}

/** How a mirror fails before it works. */
export interface Outage {
  /** Milliseconds until it accepts connections. */
  refusesFor?: number;
  /** How many requests for a file get this status before the file is served. */
  failures?: number;
  status?: number;
}

async function freePort(): Promise<number> {
  const socket = createSocket();
  await new Promise<void>((resolve) => socket.listen(0, '127.0.0.1', resolve));
  const { port } = socket.address() as AddressInfo;
  await new Promise((resolve) => socket.close(resolve));
  return port;
}

/** Serves a directory, after an outage. */
export async function mirrorOf(directory: string, outage: Outage = {}): Promise<Mirror> {
  const { refusesFor = 0, failures = 0, status = 503 } = outage;
  const requests: string[] = [];
  const port = await freePort();
  const server: Server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '/');
    requests.push(path);
    if (requests.filter((earlier) => earlier === path).length <= failures) {
      response.writeHead(status).end();
      return;
    }
    const isPage = path.endsWith('/');
    const type = { 'content-type': isPage ? 'text/html' : 'application/octet-stream' };
    readFile(join(directory, isPage ? `${path}index.html` : path)).then(
      (content) => response.writeHead(200, { ...type, 'content-length': content.length }).end(content),
      () => response.writeHead(404).end(),
    );
  });
  const stop = new AbortController();
  const listen = (): Promise<void> => new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  if (refusesFor === 0) await listen();
  else void delay(refusesFor, undefined, { signal: stop.signal }).then(listen, () => undefined);
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    close: async () => {
      stop.abort();
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Has apt, in this process and in its children, use these sources alone. Returns what undoes it. */
export async function configureApt(
  directory: string,
  sources: readonly string[],
  retries: number,
): Promise<() => void> {
  const path = join(directory, 'apt.conf');
  await writeFile(join(directory, 'sources.list'), `${sources.join('\n')}\n`);
  await writeFile(
    path,
    `Dir::Etc::sourcelist "${join(directory, 'sources.list')}";\nDir::Etc::sourceparts "/dev/null";\nAcquire::Retries "${retries}";\n`,
  );
  const { APT_CONFIG: before } = process.env;
  process.env.APT_CONFIG = path;
  return () => {
    if (before === undefined) delete process.env.APT_CONFIG;
    else process.env.APT_CONFIG = before;
  };
}
