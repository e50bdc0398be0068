// SPDX-License-Identifier: GPL-2.0-only
import { readFile } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import t from 'tap';
import { RegistryClient } from '#mpu/lib/registry/client.js';
import { hasBlob } from '#mpu/lib/registry/download.js';
import { proxyFor } from '#mpu/lib/registry/proxy.js';
import { Transport } from '#mpu/lib/registry/transport.js';
import { lacking } from '../../support/engines.js';
import { makeCertificate } from '../../support/token-server.js';

const DIGEST = `sha256:${'0'.repeat(64)}`;
const which = (url: string, env: NodeJS.ProcessEnv): string | undefined => proxyFor(new URL(url), env)?.href;

await t.test('which proxy is meant', (t) => {
  const env = { https_proxy: 'http://proxy:1', HTTP_PROXY: 'proxy:2' };
  t.equal(which('https://reg.example/v2/', env), 'http://proxy:1/');
  t.equal(which('http://reg.example/v2/', env), 'http://proxy:2/');
  for (const host of ['localhost', '127.0.0.1:5000', '[::1]:5000'])
    t.equal(which(`https://${host}`, env), undefined, host);
  t.equal(which('https://reg.example', { HTTPS_PROXY: '' }), undefined);
  t.throws(() => which('https://reg.example', { HTTPS_PROXY: 'socks5://proxy:1' }), { code: 'proxy-invalid' });
  t.throws(() => which('https://reg.example', { HTTPS_PROXY: 'http://a b' }), { code: 'proxy-invalid' });
  t.end();
});

await t.test('what NO_PROXY is about', (t) => {
  const is = (entry: string, url: string): boolean =>
    which(url, { HTTPS_PROXY: 'proxy', NO_PROXY: `other, ${entry}` }) === undefined;
  for (const entry of ['*', 'reg.example', 'example', '.example', '*.example', 'REG.example:443'])
    t.ok(is(entry, 'https://reg.example'), entry);
  for (const entry of ['eg.example', 'reg.example:5000', 'a.reg.example', '10.0.0.0/8'])
    t.notOk(is(entry, 'https://reg.example'), entry);
  for (const entry of ['10.1.2.3', '10.0.0.0/8', '10.1.2.3:5000']) t.ok(is(entry, 'https://10.1.2.3:5000'), entry);
  for (const entry of ['1.2.3', '10.1.2.3:443', '11.0.0.0/8', 'fd00::/8'])
    t.notOk(is(entry, 'https://10.1.2.3:5000'), entry);
  for (const entry of ['fd00::1', '[fd00::1]', 'fd00::/8', '[fd00::1]:443'])
    t.ok(is(entry, 'https://[fd00::1]'), entry);
  t.end();
});

await t.test('through a proxy', { skip: await lacking(['openssl']) }, async (t) => {
  const { certificate, key } = await makeCertificate(t.testdir(), 'registry', 'DNS:registry.example');
  const asked: (string | undefined)[] = [];
  const answer = createServer((request, response) => {
    asked.push(request.headers.host);
    response.end();
  });
  const registry = createTlsServer(
    { cert: await readFile(certificate), key: await readFile(key) },
    (request, response) => {
      asked.push(request.headers.host);
      response.end();
    },
  );
  const seen: string[] = [];
  let status = 200;
  const proxy = createServer((request, response) => {
    seen.push(`${request.method ?? ''} ${request.url ?? ''} ${request.headers['proxy-authorization'] ?? ''}`);
    const { port } = answer.address() as AddressInfo;
    const onward = httpRequest(
      { port, path: '/', method: request.method, headers: { Host: request.headers.host } },
      (got) => {
        response.writeHead(got.statusCode ?? 0);
        got.pipe(response);
      },
    );
    onward.end();
  });
  proxy.on('connect', (request, socket) => {
    seen.push(`${request.method ?? ''} ${request.url ?? ''} ${request.headers['proxy-authorization'] ?? ''}`);
    socket.write(`HTTP/1.1 ${status} x\r\n\r\n`);
    if (status !== 200) return void socket.end();
    const onward = connect((registry.address() as AddressInfo).port, '127.0.0.1');
    socket.pipe(onward).pipe(socket);
  });
  for (const server of [answer, registry, proxy]) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.teardown(() => {
      server.closeAllConnections();
      server.close();
    });
  }
  const address = `http://some%40body:secret@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const env = { HOME: '/nonexistent', HTTPS_PROXY: address, HTTP_PROXY: address, NODE_EXTRA_CA_CERTS: certificate };
  const ask = (plainHttp: boolean): Promise<boolean> => {
    const client = new RegistryClient('registry.example', { transport: new Transport({ env }), env, plainHttp });
    return hasBlob({ client, repository: 'app' }, DIGEST, 'cannot do it');
  };
  const login = `Basic ${Buffer.from('some@body:secret').toString('base64')}`;
  t.equal(await ask(false), true);
  t.equal(await ask(true), true);
  t.same(seen, [
    `CONNECT registry.example:443 ${login}`,
    `HEAD http://registry.example/v2/app/blobs/${DIGEST} ${login}`,
  ]);
  t.same(asked, ['registry.example', 'registry.example']);
  status = 407;
  await t.rejects(ask(false), { code: 'proxy-refused', why: /answered 407/ });
  env.HTTPS_PROXY = 'http://127.0.0.1:1';
  await t.rejects(ask(false), { code: 'proxy-refused', why: /ECONNREFUSED/ });
});
