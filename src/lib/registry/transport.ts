// SPDX-License-Identifier: GPL-2.0-only
/** Requests over HTTP and HTTPS, one at a time: no authorization, no redirects, no retries. */
import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { version } from '../package/version.js';
import { trustFor } from './certificates.js';
import { connectionError, contentError } from './errors.js';
import { TunnelAgent, proxyFor, proxyHeaders } from './proxy.js';

/** What is sent along, of a known size. It is opened again when the request has to be sent again. */
export interface RequestBody {
  /** In bytes. */
  size: number;
  open: () => Readable | Buffer;
}

/** One request. */
export interface TransportRequest {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  url: URL;
  headers: OutgoingHttpHeaders;
  body?: RequestBody | undefined;
  /** What cannot be done when it fails: the first part of the error. */
  what: string;
  signal?: AbortSignal | undefined;
}

/** How connections are made. */
export interface TransportOptions {
  env: NodeJS.ProcessEnv;
  /** Milliseconds without a byte after which a connection counts as broken. */
  idleTimeout?: number;
  signal?: AbortSignal | undefined;
}

const IDLE_TIMEOUT = 60_000;
/** So much longer may what was written take: a registry may move it to its place before it answers. */
const WRITING = 5;
const USER_AGENT = `mpu/${version}`;

/** A request without encryption is given to the proxy as a whole. */
function throughProxy(url: URL, proxy: URL): RequestOptions {
  const { protocol, hostname, port } = proxy;
  return {
    protocol,
    hostname,
    port,
    path: url.href,
    headers: { Host: url.host, ...proxyHeaders(proxy) },
    agent: false,
  };
}

/** Connections to any number of hosts, kept open between requests. */
export class Transport {
  readonly #env: NodeJS.ProcessEnv;
  readonly #signal: AbortSignal | undefined;
  readonly #idleTimeout: number;
  readonly #plain = new HttpAgent({ keepAlive: true });
  readonly #encrypted = new Map<string, Promise<HttpsAgent>>();

  constructor(options: TransportOptions) {
    this.#env = options.env;
    this.#signal = options.signal;
    this.#idleTimeout = options.idleTimeout ?? IDLE_TIMEOUT;
  }

  /** Sends a request; resolves with the answer, whatever its status, once its headers are there. */
  async send(request: TransportRequest): Promise<IncomingMessage> {
    const { url, what, signal } = request;
    try {
      if (url.protocol === 'https:') return await this.#exchange(request, { agent: await this.#agentFor(url) });
      const proxy = proxyFor(url, this.#env);
      return await this.#exchange(request, proxy === undefined ? { agent: this.#plain } : throughProxy(url, proxy));
    } catch (error) {
      throw connectionError(error, what, url.host, signal);
    }
  }

  async #exchange(request: TransportRequest, { headers: added, ...way }: RequestOptions): Promise<IncomingMessage> {
    const { method, url, body, signal } = request;
    const timeout = this.#idleTimeout * (method === 'PUT' ? WRITING : 1);
    const content = body?.open();
    const headers = {
      'User-Agent': USER_AGENT,
      ...(body === undefined ? {} : { 'Content-Length': body.size }),
      ...request.headers,
      ...(added as OutgoingHttpHeaders | undefined),
    };
    return new Promise((resolve, reject) => {
      const send = (way.protocol ?? url.protocol) === 'https:' ? httpsRequest : httpRequest;
      const outgoing = send(url, { method, headers, ...way, ...(signal === undefined ? {} : { signal }) });
      outgoing.setTimeout(timeout, () => {
        const stalled = new Error(`no answer for ${timeout / 1000} s`);
        outgoing.destroy(Object.assign(stalled, { code: 'ETIMEDOUT' }));
      });
      outgoing.on('response', (answer) => {
        // A server may refuse without reading all of the body; the rest is then not sent.
        if (content !== undefined && !Buffer.isBuffer(content) && !outgoing.writableFinished) content.destroy();
        resolve(answer);
      });
      outgoing.on('error', reject);
      if (content === undefined || Buffer.isBuffer(content)) outgoing.end(content);
      else pipeline(content, outgoing).catch(reject);
    });
  }

  #agentFor(url: URL): Promise<HttpsAgent> {
    const known = this.#encrypted.get(url.host);
    if (known !== undefined) return known;
    const proxy = proxyFor(url, this.#env);
    const agent = trustFor(url.host, this.#env).then((secureContext) => {
      const settings = { keepAlive: true, secureContext };
      if (proxy === undefined) return new HttpsAgent(settings);
      return new TunnelAgent(proxy, settings, { timeout: this.#idleTimeout, signal: this.#signal });
    });
    this.#encrypted.set(url.host, agent);
    return agent;
  }
}

/** Reads an answer that is to be short; more than `limit` bytes are an error, and so is a connection that breaks. */
export async function readAnswer(answer: IncomingMessage, limit: number, request: TransportRequest): Promise<Buffer> {
  const { what, url, signal } = request;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit) throw contentError(what, `${url.host} gave more than the ${limit} bytes that it may have`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw connectionError(error, what, url.host, signal);
  }
  return Buffer.concat(chunks);
}
