// SPDX-License-Identifier: GPL-2.0-only
/** Requests to one registry: authorized, redirected, their refusals explained (OCI distribution-spec 1.1). */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { MpuError, errnoName } from '../errors.js';
import { Authorization } from './authorization.js';
import { contentError, refusalError } from './errors.js';
import { DOCKER_HUB } from '../image/registry-reference.js';
import type { RequestBody, Transport, TransportRequest } from './transport.js';

/** Where Docker Hub's API is. */
const DOCKER_HUB_API = 'registry-1.docker.io';
const MAX_REDIRECTS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];
/** Redirections that keep the method and the body (RFC 9110), so that writes follow them. */
const KEEPING_REDIRECTS = [307, 308];
/** Refusals of a registry that asks for a login only at `/v2/`, where docker and podman begin. */
const UNEXPLAINED = [401, 403, 404];
/** Of a refusal's body this much is read. */
const REFUSAL_LIMIT = 64 * 1024;

/** How a registry is spoken to. */
export interface ClientOptions {
  transport: Transport;
  /** Where logins are found. */
  env: NodeJS.ProcessEnv;
  /** Without TLS. */
  plainHttp: boolean;
  signal?: AbortSignal | undefined;
  onProgress?: ((line: string) => void) | undefined;
}

/** One request of the API. */
export interface ApiRequest {
  method: TransportRequest['method'];
  /** Below `/v2/REPOSITORY/`, or an address that the registry gave. */
  at: string | URL;
  repository: string;
  /** Whether it writes. */
  push?: boolean;
  /** Another repository that is read from. */
  from?: string;
  headers?: OutgoingHttpHeaders;
  body?: RequestBody;
  /** What cannot be done when it fails. */
  what: string;
  /** Finishes whatever happens: an interrupted one would leave open what became of it. */
  uninterrupted?: boolean;
}

/** A repository of a registry. */
export interface Repository {
  client: RegistryClient;
  /** Its name in the registry. */
  repository: string;
}

/** A registry, `HOST[:PORT]`. */
export class RegistryClient {
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((line: string) => void) | undefined;
  readonly #origin: string;
  readonly #transport: Transport;
  readonly #plainHttp: boolean;
  readonly #authorization: Authorization;
  readonly #origins = new WeakMap<IncomingMessage, URL>();
  #ping: Promise<boolean> | undefined;

  constructor(
    readonly host: string,
    options: ClientOptions,
  ) {
    const { transport, env, plainHttp, signal, onProgress } = options;
    this.signal = signal;
    this.onProgress = onProgress;
    this.#transport = transport;
    this.#plainHttp = plainHttp;
    this.#origin = new URL(`${plainHttp ? 'http' : 'https'}://${host === DOCKER_HUB ? DOCKER_HUB_API : host}`).origin;
    this.#authorization = new Authorization(host, transport, env, plainHttp, signal);
  }

  /** The address of something in a repository. */
  address(repository: string, at: string | URL): URL {
    return at instanceof URL ? at : new URL(`/v2/${repository}/${at}`, this.#origin);
  }

  /** An address out of the Location header of an answer of {@link call}; refuses one that gives encryption up. */
  located(answer: IncomingMessage, what: string): URL {
    const { location } = answer.headers;
    const base = this.#origins.get(answer)?.href ?? this.#origin;
    if (location === undefined || !URL.canParse(location, base)) {
      throw contentError(what, `${this.host} answered without a Location`);
    }
    const url = new URL(location, base);
    if (url.protocol === 'https:' || (url.protocol === 'http:' && this.#plainHttp)) return url;
    throw new MpuError({
      code: 'registry-no-tls',
      what,
      why: `${this.host} sends to ${url.origin}, without encryption`,
      next: 'correct the address that the registry gives itself; if it is to be so: --plain-http (MPU_PLAIN_HTTP=1)',
    });
  }

  /**
   * Sends a request and resolves with the answer, its body unread, when its status is one of `expected`. Redirections
   * are followed; the login goes to the registry only, nowhere else. Rejects with a RegistryError otherwise.
   */
  async call(request: ApiRequest, expected: readonly number[]): Promise<IncomingMessage> {
    const { method, repository, what, body } = request;
    const actions = request.push === true ? 'pull,push' : 'pull';
    const mounted = request.from === undefined ? [] : [`repository:${request.from}:pull`];
    const scopes = [`repository:${repository}:${actions}`, ...mounted];
    const asker = { repository, scopes, what };
    const signal = request.uninterrupted === true ? undefined : this.signal;
    let url = this.address(repository, request.at);
    let challenged = false;
    for (let redirects = 0; ;) {
      const isOwn = url.origin === this.#origin;
      const authorization = isOwn ? await this.#authorization.header(asker) : undefined;
      const headers = { ...request.headers, ...(authorization === undefined ? {} : { Authorization: authorization }) };
      const answer = await this.#transport.send({ method, url, headers, body, what, signal });
      this.#origins.set(answer, url);
      const status = answer.statusCode ?? 0;
      const isUnexplained = isOwn && UNEXPLAINED.includes(status) && answer.headers['www-authenticate'] === undefined;
      // Without a login, "not found" is what it says, as for each tag that is not there yet.
      const mayBeChallenged = isUnexplained && (status !== 404 || (await this.#authorization.hasLogin(repository)));
      if (mayBeChallenged && !challenged && (await this.#isChallengedAtRoot(what, signal))) {
        challenged = true;
        answer.resume();
        continue;
      }
      if (expected.includes(status)) return answer;
      const wanted = answer.headers['www-authenticate'] ?? '';
      if (isOwn && status === 401 && !challenged && this.#authorization.challenged(wanted)) {
        challenged = true;
        answer.resume();
        continue;
      }
      const followed = method === 'GET' || method === 'HEAD' ? REDIRECTS : KEEPING_REDIRECTS;
      if (followed.includes(status) && redirects < MAX_REDIRECTS) {
        redirects += 1;
        url = this.located(answer, what);
        answer.resume();
        continue;
      }
      const refusal = { status, body: await beginning(answer), retryAfter: answer.headers['retry-after'] };
      const story = status < 500 ? await this.#authorization.story(repository) : '';
      throw refusalError(what, isOwn ? this.host : url.host, refusal, story);
    }
  }

  /** Returns true if the registry, which has not asked for a login so far, asks for one at `/v2/`. Queries it once. */
  #isChallengedAtRoot(what: string, signal: AbortSignal | undefined): Promise<boolean> | false {
    if (this.#authorization.isChallenged) return false;
    const ping = async (): Promise<boolean> => {
      const url = new URL('/v2/', this.#origin);
      const answer = await this.#transport.send({ method: 'GET', url, headers: {}, what, signal });
      answer.resume();
      return answer.statusCode === 401 && this.#authorization.challenged(answer.headers['www-authenticate'] ?? '');
    };
    this.#ping ??= ping().catch((error: unknown) => {
      this.#ping = undefined;
      throw error;
    });
    return this.#ping;
  }
}

/** The first part of a body, for a message; a connection that breaks meanwhile does not matter. */
async function beginning(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > REFUSAL_LIMIT) break;
    }
  } catch (error) {
    if (errnoName(error) === undefined) throw error;
  }
  return Buffer.concat(chunks).toString();
}
