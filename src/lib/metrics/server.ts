// SPDX-License-Identifier: GPL-2.0-only
/** Metrics over HTTP, for Prometheus to scrape. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ExitCode, MpuError, errnoName, messageOf, usageError } from '../errors.js';
import { CONTENT_TYPE } from './exposition.js';

/** Where to listen. */
export interface ListenAddress {
  /** Undefined for all addresses of the machine. */
  host: string | undefined;
  port: number;
}

const MAX_PORT = 65535;

/** Reads `ADDRESS:PORT`, `[IPV6]:PORT` or `:PORT`. Throws an MpuError (usage). */
export function parseListenAddress(text: string): ListenAddress {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text) ?? [];
  if (port !== undefined && Number(port) <= MAX_PORT) {
    const host = bracketed ?? plain ?? '';
    return { host: host === '' ? undefined : host, port: Number(port) };
  }
  throw usageError(
    'cannot listen there',
    `${JSON.stringify(text)} is no ADDRESS:PORT`,
    'mpu metrics --listen 127.0.0.1:9436',
  );
}

function listenError(text: string, error: unknown): MpuError {
  const denied = errnoName(error) === 'EACCES';
  return new MpuError({
    code: denied ? 'permission-denied' : 'listen-failed',
    what: `cannot listen on ${text}`,
    why: messageOf(error),
    next: denied
      ? 'take a port above 1023, or run it as root'
      : 'take another address or port, or end what listens there: ss -ltnp',
    exitCode: denied ? ExitCode.permission : ExitCode.failed,
    cause: error,
  });
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}

/** How to serve. */
export interface ServeOptions {
  /** As it was written, for {@link parseListenAddress}. */
  address: string;
  /** Gives the metrics as text. Scrapes that come while one is answered share its answer. */
  collect: () => Promise<string>;
  /** Ends the service. */
  signal: AbortSignal;
  /** Told the URL once it can be asked. */
  onListening: (url: string) => void;
}

/** Serves /metrics until the signal fires. Throws an MpuError: usage, listen-failed, permission-denied. */
export async function serveMetrics({ address, collect, signal, onListening }: ServeOptions): Promise<void> {
  const { host, port } = parseListenAddress(address);
  let pending: Promise<string> | undefined;
  const scrape = (): Promise<string> => {
    pending ??= collect().finally(() => (pending = undefined));
    return pending;
  };
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/\?.*$/, '');
    if (path !== '/metrics') answer(response, 404, 'text/plain', 'the metrics are at /metrics\n');
    else if (request.method !== 'GET' && request.method !== 'HEAD')
      answer(response, 405, 'text/plain', 'GET is what it answers\n');
    else {
      scrape().then(
        (text) => {
          answer(response, 200, CONTENT_TYPE, text);
        },
        (error: unknown) => {
          answer(response, 500, 'text/plain', `${messageOf(error)}\n`);
        },
      );
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(listenError(address, error));
    });
    server.once('close', resolve);
    server.listen(port, host, () => {
      const bound = server.address() as AddressInfo;
      onListening(`http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}/metrics`);
    });
    const stop = (): void => {
      server.close();
      server.closeAllConnections();
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
