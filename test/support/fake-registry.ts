// SPDX-License-Identifier: GPL-2.0-only
/** A registry in memory that a test can make misbehave. */
import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A request as it came. */
export interface SeenRequest {
  method: string;
  path: string;
  authorization: string | undefined;
  /** Bytes of the body. */
  size: number;
}

/** Answers a request in place of the registry, or returns false. Its body may be read by `body` only. */
export type Misbehaviour = (
  request: IncomingMessage & { url: string; method: string },
  response: ServerResponse,
  body: () => Promise<Buffer>,
) => boolean | Promise<boolean>;

interface Kept {
  data: Buffer;
  mediaType: string;
}

const digestOf = (data: Buffer): string => `sha256:${createHash('sha256').update(data).digest('hex')}`;

/** The registry. Repositories are made by writing to them. */
export class FakeRegistry {
  readonly seen: SeenRequest[] = [];
  /** By `REPOSITORY@DIGEST`. */
  readonly blobs = new Map<string, Buffer>();
  /** By `REPOSITORY:TAG` and `REPOSITORY@DIGEST`. */
  readonly manifests = new Map<string, Kept>();
  misbehave: Misbehaviour = () => false;
  readonly #uploads = new Map<string, Buffer>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
  }

  static async start(): Promise<FakeRegistry> {
    const registry = new FakeRegistry();
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  /** `127.0.0.1:PORT` */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Adds a blob; gives its digest. */
  addBlob(repository: string, data: Buffer): string {
    this.blobs.set(`${repository}@${digestOf(data)}`, data);
    return digestOf(data);
  }

  /** Adds a manifest under a tag; gives its digest. */
  addManifest(repository: string, tag: string, data: Buffer, mediaType: string): string {
    this.manifests.set(`${repository}:${tag}`, { data, mediaType });
    this.manifests.set(`${repository}@${digestOf(data)}`, { data, mediaType });
    return digestOf(data);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = Object.assign(incoming, { url: incoming.url ?? '', method: incoming.method ?? '' });
    const entry: SeenRequest = {
      method: request.method,
      path: request.url,
      authorization: request.headers.authorization,
      size: 0,
    };
    this.seen.push(entry);
    let read: Promise<Buffer> | undefined;
    const body = (): Promise<Buffer> => (read ??= buffer(request));
    if (await this.misbehave(request, response, body)) return;
    const data = await body();
    entry.size = data.length;
    const url = new URL(request.url, `http://${this.host}`);
    const [, repository = '', kind = '', name = ''] =
      /^\/v2\/(.+)\/(manifests|blobs\/uploads|blobs)\/(.*)$/.exec(url.pathname) ?? [];
    if (kind === 'manifests') this.#manifest(request, response, repository, name, data);
    else if (kind === 'blobs') this.#blob(request, response, this.blobs.get(`${repository}@${name}`));
    else if (kind === 'blobs/uploads') this.#upload(request, response, repository, name, url.searchParams, data);
    else response.writeHead(url.pathname === '/v2/' ? 200 : 404).end();
  }

  #manifest(request: IncomingMessage, response: ServerResponse, repository: string, name: string, data: Buffer): void {
    if (request.method === 'PUT') {
      const mediaType = request.headers['content-type'] ?? '';
      this.manifests.set(`${repository}@${digestOf(data)}`, { data, mediaType });
      if (!name.includes(':')) this.manifests.set(`${repository}:${name}`, { data, mediaType });
      response.writeHead(201, { 'Docker-Content-Digest': digestOf(data) }).end();
      return;
    }
    const kept = this.manifests.get(`${repository}${name.includes(':') ? '@' : ':'}${name}`);
    if (kept === undefined) {
      response.writeHead(404, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] }));
      return;
    }
    const headers = {
      'Content-Type': kept.mediaType,
      'Content-Length': kept.data.length,
      'Docker-Content-Digest': digestOf(kept.data),
    };
    response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : kept.data);
  }

  #blob(request: IncomingMessage, response: ServerResponse, data: Buffer | undefined): void {
    if (data === undefined) {
      response.writeHead(404).end();
      return;
    }
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const part = data.subarray(from);
    const headers = {
      'Content-Length': part.length,
      ...(from === 0 ? {} : { 'Content-Range': `bytes ${from}-${data.length - 1}/${data.length}` }),
    };
    response.writeHead(from === 0 ? 200 : 206, headers).end(request.method === 'HEAD' ? undefined : part);
  }

  #upload(
    request: IncomingMessage,
    response: ServerResponse,
    repository: string,
    id: string,
    query: URLSearchParams,
    data: Buffer,
  ): void {
    const there = (name: string): { Location: string } => ({
      Location: `/v2/${repository}/blobs/uploads/${name}?state=a%2Bb`,
    });
    if (request.method === 'POST') {
      const mounted = this.blobs.get(`${query.get('from') ?? ''}@${query.get('mount') ?? ''}`);
      if (mounted !== undefined) {
        this.addBlob(repository, mounted);
        response.writeHead(201).end();
        return;
      }
      const started = randomUUID();
      this.#uploads.set(started, Buffer.alloc(0));
      response.writeHead(202, there(started)).end();
      return;
    }
    const before = this.#uploads.get(id);
    if (before === undefined || query.get('state') !== 'a+b') {
      response.writeHead(404).end();
      return;
    }
    const all = Buffer.concat([before, data]);
    if (request.method === 'DELETE') {
      this.#uploads.delete(id);
      response.writeHead(204).end();
    } else if (request.method === 'PATCH') {
      const range = request.headers['content-range'];
      const isNext = range === undefined || range === `${before.length}-${all.length - 1}`;
      if (isNext) this.#uploads.set(id, all);
      response.writeHead(isNext ? 202 : 416, there(id)).end();
    } else if (query.get('digest') === digestOf(all)) {
      this.#uploads.delete(id);
      response.writeHead(201, { 'Docker-Content-Digest': this.addBlob(repository, all) }).end();
    } else {
      response.writeHead(400, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ errors: [{ code: 'DIGEST_INVALID', message: 'wrong digest' }] }));
    }
  }
}
