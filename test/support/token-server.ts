// SPDX-License-Identifier: GPL-2.0-only
/** A service that hands out tokens for the real registry, and the certificates that this takes (openssl). */
import { randomUUID, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { check } from './mpu.js';

/** A key and a certificate for it, signed by itself: its own authority. */
export interface Certificate {
  certificate: string;
  key: string;
}

/** Makes a key and a certificate for `subject`. */
export async function makeCertificate(directory: string, name: string, subject = 'IP:127.0.0.1'): Promise<Certificate> {
  const made = { certificate: join(directory, `${name}.crt`), key: join(directory, `${name}.key`) };
  await check('openssl', [
    ...[
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
    ],
    ...['-addext', `subjectAltName=${subject}`, '-keyout', made.key, '-out', made.certificate],
  ]);
  return made;
}

/** What was asked for. */
export interface TokenRequest {
  method: string;
  scopes: string[];
  /** Who asked: a name, `refresh` for one with the refresh token, or undefined. */
  who: string | undefined;
}

/** A running service. Anybody may pull `public/...`; the user everything. */
export interface TokenServer {
  realm: string;
  seen: TokenRequest[];
  stop(): Promise<void>;
}

const encode = (value: string | Buffer): string => Buffer.from(value).toString('base64url');

/** Who shows this authorization and this form; throws for a wrong password. */
function whoAsks(
  authorization: string | undefined,
  form: URLSearchParams,
  user: { name: string; password: string; refreshToken: string },
): string | undefined {
  if (form.get('refresh_token') !== null) {
    if (form.get('refresh_token') !== user.refreshToken || form.get('grant_type') !== 'refresh_token')
      throw new Error('wrong');
    return 'refresh';
  }
  if (authorization === undefined) return undefined;
  if (authorization !== `Basic ${Buffer.from(`${user.name}:${user.password}`).toString('base64')}`)
    throw new Error('wrong');
  return user.name;
}

/** Starts the service; it signs with `certificate` as `issuer` (distribution, token specification). */
export async function startTokenServer(
  { certificate, key }: Certificate,
  issuer: string,
  user: { name: string; password: string; refreshToken: string },
): Promise<TokenServer> {
  const [pem, privateKey] = await Promise.all([readFile(certificate, 'utf8'), readFile(key, 'utf8')]);
  const chain = pem.replace(/-----[^-]+-----|\s/g, '');
  const seen: TokenRequest[] = [];
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      const { searchParams: query } = new URL(request.url ?? '', 'http://here');
      const form = new URLSearchParams(request.method === 'POST' ? body.toString() : '');
      const scopes = request.method === 'POST' ? (form.get('scope') ?? '').split(' ') : query.getAll('scope');
      let who: string | undefined;
      try {
        who = whoAsks(request.headers.authorization, form, user);
      } catch {
        response.writeHead(401).end('{"errors":[{"code":"UNAUTHORIZED","message":"wrong password"}]}');
        return;
      }
      seen.push({ method: request.method ?? '', scopes, who });
      const access = scopes.map((scope) => {
        const [type, name = '', actions = ''] = scope.split(':');
        const granted = actions
          .split(',')
          .filter((action) => who !== undefined || (action === 'pull' && name.startsWith('public/')));
        return { type, name, actions: granted };
      });
      const now = Math.floor(Date.now() / 1000);
      const service = request.method === 'POST' ? form.get('service') : query.get('service');
      const claims = {
        iss: issuer,
        sub: who ?? '',
        aud: service,
        exp: now + 300,
        nbf: now - 10,
        iat: now,
        jti: randomUUID(),
        access,
      };
      const text = `${encode(JSON.stringify({ typ: 'JWT', alg: 'ES256', x5c: [chain] }))}.${encode(JSON.stringify(claims))}`;
      const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      const token = `${text}.${encode(signature)}`;
      response.end(
        JSON.stringify(
          request.method === 'POST' ? { access_token: token, expires_in: 300 } : { token, expires_in: 300 },
        ),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    realm: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    seen,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
