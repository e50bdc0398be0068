// SPDX-License-Identifier: GPL-2.0-only
/** Proxies between here and registries, from the environment as docker, podman and curl read it. */
import { request as httpRequest, type OutgoingHttpHeaders, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest, type AgentOptions } from 'node:https';
import { BlockList, Socket, isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { MpuError, messageOf } from '../errors.js';

/** The value of a variable that is written in small or capital letters. */
function variable(env: NodeJS.ProcessEnv, name: string): string {
  return env[name] ?? env[name.toUpperCase()] ?? '';
}

/** A host without the brackets of an IPv6 address. */
const bare = (host: string): string => host.replace(/^\[|\]$/g, '');

/** Whether an entry of NO_PROXY is about a host: `*`, a domain, `.domain`, an address or network, maybe with a port. */
function isMeant(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  const family = isIP(host) === 6 ? 'ipv6' : 'ipv4';
  const [, network = '', bits] = /^(.+)\/(\d{1,3})$/.exec(entry) ?? [];
  if (bits !== undefined) {
    if (isIP(host) === 0 || isIP(network) !== isIP(host)) return false;
    const list = new BlockList();
    list.addSubnet(network, Math.min(Number(bits), family === 'ipv6' ? 128 : 32), family);
    return list.check(host, family);
  }
  const [, name = '', only] = isIP(entry) === 6 ? [entry, entry] : (/^(\[.*\]|[^:]*)(?::(\d+))?$/.exec(entry) ?? []);
  if (name === '' || (only !== undefined && only !== port)) return false;
  const domain = bare(name)
    .replace(/^\*?\./, '')
    .toLowerCase();
  return host === domain || (isIP(host) === 0 && host.endsWith(`.${domain}`));
}

/**
 * The proxy for an address: `https_proxy` or `http_proxy`, unless `no_proxy` or the loopback is meant; undefined
 * for none. Throws an {@link MpuError} for a variable that is no address.
 */
export function proxyFor(url: URL, env: NodeJS.ProcessEnv): URL | undefined {
  const name = url.protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const text = variable(env, name);
  const host = bare(url.hostname).toLowerCase();
  if (text === '' || host === 'localhost' || host === '::1' || host.startsWith('127.')) return undefined;
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  const exceptions = variable(env, 'no_proxy').split(/[\s,]+/);
  if (exceptions.some((entry) => isMeant(entry, host, port))) return undefined;
  const address = text.includes('://') ? text : `http://${text}`;
  const proxy = URL.canParse(address) ? new URL(address) : undefined;
  if (proxy?.protocol === 'http:' || proxy?.protocol === 'https:') return proxy;
  throw new MpuError({
    code: 'proxy-invalid',
    what: `cannot reach ${url.host}`,
    why: `${name} names no proxy that is spoken to by HTTP or HTTPS`,
    next: `correct ${name} or ${name.toUpperCase()}, or except the host in NO_PROXY`,
  });
}

/** The header by which a proxy knows who asks. */
export function proxyHeaders(proxy: URL): OutgoingHttpHeaders {
  if (proxy.username === '') return {};
  const login = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { 'Proxy-Authorization': `Basic ${Buffer.from(login).toString('base64')}` };
}

/** How a connection through a proxy is made. */
export interface TunnelOptions {
  /** Milliseconds that the proxy has for it. */
  timeout: number;
  signal?: AbortSignal | undefined;
}

/** A connection through a proxy to `HOST:PORT` (CONNECT), in which TLS can be spoken. */
async function tunnel(proxy: URL, target: string, { timeout, signal }: TunnelOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const failed = (why: string): void => {
      reject(
        new MpuError({
          code: 'proxy-refused',
          what: `cannot reach ${target}`,
          why: `the proxy ${proxy.host} ${why}`,
          next: 'correct HTTPS_PROXY, or except the host in NO_PROXY',
        }),
      );
    };
    const connect = proxy.protocol === 'https:' ? httpsRequest : httpRequest;
    const headers = { Host: target, ...proxyHeaders(proxy) };
    const outgoing = connect({
      host: bare(proxy.hostname),
      port: proxy.port,
      method: 'CONNECT',
      path: target,
      headers,
      agent: false,
      ...(signal === undefined ? {} : { signal }),
    });
    outgoing.setTimeout(timeout, () => outgoing.destroy(new Error('does not answer')));
    outgoing.on('connect', (answer, socket) => {
      socket.setTimeout(0);
      if (answer.statusCode === 200) resolve(socket);
      else {
        socket.destroy();
        failed(`answered ${answer.statusCode ?? 0}`);
      }
    });
    outgoing.on('response', (answer) => {
      answer.destroy();
      failed(`answered ${answer.statusCode ?? 0}`);
    });
    outgoing.on('error', (error) => {
      failed(`cannot be used: ${messageOf(error)}`);
    });
    outgoing.end();
  });
}

/** Connections that speak TLS with their servers through a proxy. */
export class TunnelAgent extends HttpsAgent {
  readonly #proxy: URL;
  readonly #tunnel: TunnelOptions;

  constructor(proxy: URL, settings: AgentOptions, options: TunnelOptions) {
    super(settings);
    this.#proxy = proxy;
    this.#tunnel = options;
  }

  /** Called by Node.js for every new connection; its answer may come later. */
  override createConnection(options: RequestOptions, done?: (error: Error | null, stream: Duplex) => void): undefined {
    tunnel(this.#proxy, `${options.host ?? ''}:${options.port ?? 443}`, this.#tunnel).then(
      (socket) => done?.(null, connectTls({ ...(options as ConnectionOptions), socket })),
      (error: unknown) => done?.(error instanceof Error ? error : new Error(String(error)), new Socket()),
    );
  }
}
