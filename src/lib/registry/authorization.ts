// SPDX-License-Identifier: GPL-2.0-only
/** What goes into the Authorization header for a registry (distribution, "Token Authentication"). */
import { MpuError } from '../errors.js';
import { isJsonObject } from '../system/json.js';
import { parseChallenges, type Challenge } from './challenge.js';
import { contentError, refusalError } from './errors.js';
import { findLogin, type FoundLogin } from './logins.js';
import { type Login, parseSecret } from './login.js';
import { readAnswer, type Transport, type TransportRequest } from './transport.js';

/** What a request may touch, e.g. `repository:team/app:pull,push`. */
export type Scope = string;

/** One who asks: the logins of podman may differ between repositories of one registry. */
export interface Asker {
  repository: string;
  scopes: readonly Scope[];
  /** What cannot be done without authorization, for errors. */
  what: string;
}

interface Token {
  header: string;
  /** Milliseconds since 1970. */
  expires: number;
}

const TOKEN_LIMIT = 1024 * 1024;
/** Of a token that does not say how long it is good for (distribution, token specification). Seconds. */
const DEFAULT_LIFETIME = 60;
/** Seconds before its end at which a token is no longer used. */
const MARGIN = 5;
const CLIENT = 'mpu';

/** The way into one registry. */
export class Authorization {
  readonly #tokens = new Map<string, Token>();
  readonly #logins = new Map<string, Promise<FoundLogin>>();
  #challenge: Challenge | undefined;

  /** `host` is the registry as the user names it; `plainHttp` whether logins may go over the wire as they are. */
  constructor(
    readonly host: string,
    private readonly transport: Transport,
    private readonly env: NodeJS.ProcessEnv,
    private readonly plainHttp: boolean,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** Whether the registry has asked for authorization in a way that mpu knows. */
  get isChallenged(): boolean {
    return this.#challenge !== undefined;
  }

  /** Returns true if this user has a login for a repository. */
  async hasLogin(repository: string): Promise<boolean> {
    return (await this.#login(repository)).login !== undefined;
  }

  /** The header for a request; undefined as long as the registry has not asked for one. */
  async header(asker: Asker): Promise<string | undefined> {
    const challenge = this.#challenge;
    if (challenge === undefined) return undefined;
    const { login } = await this.#login(asker.repository);
    if (login?.kind === 'token') return `Bearer ${login.token}`;
    if (challenge.scheme === 'basic') return login?.kind === 'password' ? basic(login) : undefined;
    const key = JSON.stringify([asker.repository, asker.scopes]);
    const known = this.#tokens.get(key);
    if (known !== undefined && known.expires > Date.now()) return known.header;
    const token = await this.#fetchToken(challenge, login, asker);
    this.#tokens.set(key, token);
    return token.header;
  }

  /**
   * Takes notice of a WWW-Authenticate header. False when the registry asks for nothing that mpu can do. A token
   * that was refused is not used again.
   */
  challenged(header: string): boolean {
    const challenges = parseChallenges(header);
    const challenge = ['bearer', 'basic'].flatMap((wanted) => challenges.filter(({ scheme }) => scheme === wanted))[0];
    this.#tokens.clear();
    this.#challenge = challenge;
    return challenge !== undefined;
  }

  /** For errors: which login was used. */
  async story(repository: string): Promise<string> {
    return this.#challenge === undefined ? '' : (await this.#login(repository)).story;
  }

  #login(repository: string): Promise<FoundLogin> {
    const known = this.#logins.get(repository);
    if (known !== undefined) return known;
    const found = findLogin(this.host, repository, this.env, this.signal);
    this.#logins.set(repository, found);
    return found;
  }

  async #fetchToken(challenge: Challenge, login: Login | undefined, asker: Asker): Promise<Token> {
    const what = `cannot log in to ${this.host}`;
    const request = tokenRequest(challenge, login, asker, what, this.signal);
    if (request === undefined) throw contentError(what, 'it asks for a token without saying where to get one');
    if (request.url.protocol !== 'https:' && !this.plainHttp) {
      throw new MpuError({
        code: 'registry-no-tls',
        what,
        why: `it wants the login sent to ${request.url.origin}, without encryption`,
        next: 'if that is to be done, say so: --plain-http (MPU_PLAIN_HTTP=1)',
      });
    }
    const answer = await this.transport.send(request);
    const body = await readAnswer(answer, TOKEN_LIMIT, request);
    if (answer.statusCode !== 200) {
      const refusal = {
        status: answer.statusCode ?? 0,
        body: body.toString(),
        retryAfter: answer.headers['retry-after'],
      };
      throw refusalError(asker.what, this.host, refusal, await this.story(asker.repository));
    }
    return tokenIn(body, what);
  }
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** A GET, with the login if there is one; for an identity token the OAuth2 form of it, a POST. */
function tokenRequest(
  challenge: Challenge,
  login: Login | undefined,
  { scopes }: Asker,
  what: string,
  signal: AbortSignal | undefined,
): TransportRequest | undefined {
  const realm = challenge.parameters.get('realm') ?? '';
  if (!URL.canParse(realm)) return undefined;
  const url = new URL(realm);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined;
  const service = challenge.parameters.get('service');
  // A service may want a scope of its own beside those of repositories.
  const own = challenge.parameters
    .get('scope')
    ?.split(' ')
    .filter((scope) => scope !== '' && !scope.startsWith('repository:'));
  const wanted = [...scopes, ...(own ?? [])];
  const common = { url, what, signal };
  if (login?.kind === 'identity') {
    const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: CLIENT, refresh_token: login.token });
    if (service !== undefined) form.set('service', service);
    form.set('scope', wanted.join(' '));
    const data = Buffer.from(form.toString());
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    return { ...common, method: 'POST', headers, body: { size: data.length, open: () => data } };
  }
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of wanted) url.searchParams.append('scope', scope);
  if (login?.kind !== 'password') return { ...common, method: 'GET', headers: {} };
  url.searchParams.set('account', login.username);
  url.searchParams.set('client_id', CLIENT);
  return { ...common, method: 'GET', headers: { Authorization: basic(login) } };
}

function tokenIn(body: Buffer, what: string): Token {
  const answer = parseSecret(body.toString());
  if (answer === undefined) throw contentError(what, 'the answer of its token service is no JSON');
  const { token, access_token: access, expires_in: lifetime } = isJsonObject(answer) ? answer : {};
  const value = typeof token === 'string' && token !== '' ? token : access;
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) {
    throw contentError(what, 'the answer of its token service has no token');
  }
  const seconds = typeof lifetime === 'number' && lifetime > 0 ? lifetime : DEFAULT_LIFETIME;
  return { header: `Bearer ${value}`, expires: Date.now() + Math.max(1, seconds - MARGIN) * 1000 };
}
