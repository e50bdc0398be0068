// SPDX-License-Identifier: GPL-2.0-only
/** The client, against a registry that misbehaves. */
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import t, { type Test } from 'tap';
import { sha256 } from '#mpu/lib/image/digest.js';
import { RegistryClient, type Repository } from '#mpu/lib/registry/client.js';
import { hasBlob, readBlob } from '#mpu/lib/registry/download.js';
import { findManifest, putManifest, readManifest } from '#mpu/lib/registry/manifests.js';
import { Transport } from '#mpu/lib/registry/transport.js';
import { mountBlob, pushBlob } from '#mpu/lib/registry/upload.js';
import { FakeRegistry, type Misbehaviour } from '../../support/fake-registry.js';

const WHAT = 'cannot do it';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST }));
const data = randomBytes(300_000);
const blob = { digest: sha256(data), size: data.length };

interface Settings {
  env?: NodeJS.ProcessEnv;
  plainHttp?: boolean;
  idleTimeout?: number;
  signal?: AbortSignal;
}

/** The repository `a` of a registry, as a client without logins sees it. */
function repositoryOf(
  host: string,
  { env = { HOME: '/nonexistent' }, plainHttp = true, idleTimeout = 60_000, signal }: Settings = {},
): Repository {
  const transport = new Transport({ env, idleTimeout });
  return { client: new RegistryClient(host, { transport, env, plainHttp, signal }), repository: 'a' };
}

async function start(t: Test, settings: Settings = {}): Promise<{ registry: FakeRegistry; place: Repository }> {
  const registry = await FakeRegistry.start();
  t.teardown(() => registry.stop());
  return { registry, place: repositoryOf(registry.host, settings) };
}

async function listen(t: Test, server: Server | ReturnType<typeof createTcpServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Misbehaves for the first `count` requests that a pattern (`METHOD PATH`) matches. */
function times(count: number, pattern: RegExp, misbehave: Misbehaviour): Misbehaviour {
  let left = count;
  return (request, response, body) => {
    if (left === 0 || !pattern.test(`${request.method} ${request.url}`)) return false;
    left -= 1;
    return misbehave(request, response, body);
  };
}

await t.test('what is read and written', async (t) => {
  const { registry, place } = await start(t);
  const digest = sha256(manifest);
  await putManifest(place, '1', { data: manifest, mediaType: MANIFEST, digest }, WHAT);
  t.same(await readManifest(place, '1', WHAT), { data: manifest, mediaType: MANIFEST, digest });
  t.same(await readManifest(place, digest, WHAT), { data: manifest, mediaType: MANIFEST, digest });
  t.equal(await findManifest(place, '2', WHAT), undefined);
  t.equal(await hasBlob(place, blob.digest, WHAT), false);
  await pushBlob(place, { ...blob, open: () => data }, WHAT);
  t.equal(await hasBlob(place, blob.digest, WHAT), true);
  t.ok((await buffer(readBlob(place, blob, WHAT))).equals(data));
  t.notOk(
    registry.seen.some(({ method }) => method === 'PATCH'),
    'in one request',
  );
  const empty = { digest: sha256(Buffer.alloc(0)), size: 0 };
  t.equal((await buffer(readBlob(place, empty, WHAT))).length, 0);
});

await t.test('a connection that breaks: reading goes on where it stopped', async (t) => {
  const { registry, place } = await start(t);
  registry.addBlob('a', data);
  registry.misbehave = times(3, /^GET .*blobs/, (request, response) => {
    const from = Number(/\d+/.exec(request.headers.range ?? '0')?.[0]);
    const status = from === 0 ? 200 : 206;
    response.writeHead(status, {
      'Content-Length': data.length - from,
      'Content-Range': `bytes ${from}-${data.length - 1}/${data.length}`,
    });
    response.write(data.subarray(from, from + 70_000), () => response.destroy());
    return true;
  });
  t.ok((await buffer(readBlob(place, blob, WHAT))).equals(data));
  t.equal(registry.seen.length, 4);

  await t.test('also from a server that begins again', async (t) => {
    registry.misbehave = times(2, /^GET .*blobs/, (_request, response) => {
      response.writeHead(200, { 'Content-Length': data.length });
      response.write(data.subarray(0, 70_000), () => response.destroy());
      return true;
    });
    const original = registry.misbehave;
    registry.misbehave = (request, response, body) => {
      delete request.headers.range;
      return original(request, response, body);
    };
    t.ok((await buffer(readBlob(place, blob, WHAT))).equals(data));
  });

  await t.test('but not for ever', async (t) => {
    registry.seen.length = 0;
    registry.misbehave = times(100, /./, (_request, response) => {
      response.destroy();
      return true;
    });
    await t.rejects(readManifest(place, '1', WHAT), { code: 'registry-connection-lost', what: WHAT, transient: true });
    t.equal(registry.seen.length, 5);
  });
});

await t.test('data that is not what its digest says', async (t) => {
  const { registry, place } = await start(t);
  registry.addBlob('a', data);
  registry.misbehave = (_request, response) => {
    response.writeHead(200, { 'Content-Length': data.length }).end(Buffer.alloc(data.length));
    return true;
  };
  await t.rejects(buffer(readBlob(place, blob, WHAT)), { code: 'registry-content', why: /does not have that digest/ });
  registry.misbehave = (_request, response) => {
    response.writeHead(200).end(Buffer.concat([data, data]));
    return true;
  };
  await t.rejects(buffer(readBlob(place, blob, WHAT)), { code: 'registry-content', why: /more than the 300000 bytes/ });
  for (const digest of ['sha256:12', 'md5:900150983cd24fb0d6963f7d28e17f72', 'sha256:../../etc/passwd']) {
    await t.rejects(buffer(readBlob(place, { digest, size: 1 }, WHAT)), {
      code: 'registry-content',
      why: /no digest that is known/,
    });
  }
  const digest = sha256(Buffer.from('other'));
  registry.misbehave = (_request, response) => {
    response.writeHead(200, { 'Content-Type': MANIFEST, 'Docker-Content-Digest': digest }).end(manifest);
    return true;
  };
  await t.rejects(readManifest(place, '1', WHAT), { code: 'registry-content', why: /does not have the digest/ });
  await t.rejects(readManifest(place, digest, WHAT), { code: 'registry-content', why: /does not have the digest/ });
  registry.misbehave = (_request, response) => {
    response.writeHead(201, { 'Docker-Content-Digest': digest }).end();
    return true;
  };
  const written = putManifest(place, '1', { data: manifest, mediaType: MANIFEST, digest: sha256(manifest) }, WHAT);
  await t.rejects(written, { code: 'registry-content', why: /keeps it as/ });
});

await t.test('an interrupt while it is unknown whether a tag has moved', async (t) => {
  for (const [reference, state] of [
    ['1', /127\.0\.0\.1:\d+ did not answer, so a:1 may have moved$/],
    [sha256(manifest), /nothing was changed/],
  ] as const) {
    const interrupt = new AbortController();
    const { registry, place } = await start(t, { signal: interrupt.signal });
    registry.misbehave = (_request, response) => {
      setTimeout(() => {
        interrupt.abort('SIGTERM');
      }, 100);
      response.destroy();
      return true;
    };
    const written = putManifest(
      place,
      reference,
      { data: manifest, mediaType: MANIFEST, digest: sha256(manifest) },
      WHAT,
    );
    await t.rejects(written, { code: 'interrupted', exitCode: 143, why: state });
  }
});

await t.test('pieces that are too large to be held', async (t) => {
  const { registry, place } = await start(t);
  registry.misbehave = (_request, response) => {
    response.writeHead(202, { Location: '/v2/a/blobs/uploads/1', 'OCI-Chunk-Min-Length': '999999999999' }).end();
    return true;
  };
  await t.rejects(pushBlob(place, { ...blob, open: () => data }, WHAT), {
    code: 'registry-content',
    why: /pieces of at least 999999999999 bytes/,
  });
});

await t.test('manifests that are none', async (t) => {
  const { registry, place } = await start(t);
  const answer = (mediaType: string, body: Buffer | string): void => {
    registry.misbehave = (_request, response) => {
      response.writeHead(200, { 'Content-Type': mediaType }).end(body);
      return true;
    };
  };
  answer(MANIFEST, Buffer.alloc(4 * 1024 * 1024 + 1));
  await t.rejects(readManifest(place, '1', WHAT), { code: 'registry-content', why: /more than the 4194304 bytes/ });
  answer('application/vnd.docker.distribution.manifest.v1+prettyjws', '{}');
  await t.rejects(readManifest(place, '1', WHAT), { code: 'registry-manifest-type', why: /schema 1/ });
  answer('text/html', '<html>a portal</html>');
  await t.rejects(readManifest(place, '1', WHAT), { code: 'registry-manifest-type', why: /something unknown/ });
  answer('application/json; charset=utf-8', manifest);
  t.match(await readManifest(place, '1', WHAT), { mediaType: MANIFEST }, 'a type that says nothing');
  answer('text/plain', '{"manifests":[]}');
  t.match(await readManifest(place, '1', WHAT), { mediaType: 'application/vnd.oci.image.index.v1+json' });
});

await t.test('another host never gets the login', async (t) => {
  const directory = t.testdir();
  await writeFile(join(directory, 'auth.json'), '{}');
  const env = { HOME: directory, REGISTRY_AUTH_FILE: join(directory, 'auth.json') };
  const { registry, place } = await start(t, { env });
  const login = Buffer.from('somebody:secret').toString('base64');
  await writeFile(env.REGISTRY_AUTH_FILE, JSON.stringify({ auths: { [registry.host]: { auth: login } } }));
  const seen: (string | undefined)[] = [];
  const elsewhere = createServer((request, response) => {
    seen.push(request.headers.authorization);
    if (request.method === 'PUT') request.resume().on('end', () => response.writeHead(201).end());
    else response.writeHead(200, { 'Content-Length': data.length }).end(data);
  });
  const host = await listen(t, elsewhere);
  registry.misbehave = (request, response) => {
    if (request.headers.authorization !== `Basic ${login}`)
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="x"' }).end();
    else
      response
        .writeHead(request.method === 'POST' ? 202 : 307, { Location: `http://${host}/elsewhere?signature=x%2By` })
        .end();
    return true;
  };
  t.ok((await buffer(readBlob(place, blob, WHAT))).equals(data));
  await pushBlob(place, { ...blob, open: () => data }, WHAT);
  t.same(seen, [undefined, undefined]);
  t.ok(registry.seen.some(({ authorization }) => authorization === `Basic ${login}`));

  registry.misbehave = (_request, response) => {
    response.writeHead(307, { Location: '/v2/a/blobs/again' }).end();
    return true;
  };
  await t.rejects(hasBlob(place, blob.digest, WHAT), { code: 'registry-refused', status: 307 }, 'a loop ends');
});

await t.test('writes that are redirected', async (t) => {
  const source = { ...blob, open: () => Readable.from([data]) };
  for (const status of [307, 308]) {
    const { registry, place } = await start(t);
    // Every write is sent to another address first, whose answers have relative locations.
    registry.misbehave = (request, response) => {
      if (request.url.startsWith('/moved') || request.method === 'GET') {
        request.url = request.url.replace('/moved', '');
        return false;
      }
      request.resume();
      response.writeHead(status, { Location: `/moved${request.url}` }).end();
      return true;
    };
    await putManifest(place, '1', { data: manifest, mediaType: MANIFEST, digest: sha256(manifest) }, WHAT);
    t.same(registry.manifests.get('a:1'), { data: manifest, mediaType: MANIFEST }, `PUT of a manifest, ${status}`);
    await pushBlob(place, source, WHAT);
    t.ok(registry.blobs.get(`a@${blob.digest}`)?.equals(data), `POST and PUT of a blob, ${status}`);
    registry.blobs.clear();
    const redirect = registry.misbehave;
    registry.misbehave = async (request, response, body) => {
      if (request.method !== 'PUT' || (await body()).length === 0) return redirect(request, response, body);
      response.writeHead(413).end();
      return true;
    };
    await pushBlob(place, source, WHAT);
    t.ok(registry.blobs.get(`a@${blob.digest}`)?.equals(data), `PATCH, ${status}`);
    t.ok(registry.seen.some(({ method, path }) => method === 'PATCH' && path.startsWith('/moved')));
  }

  const { registry, place } = await start(t);
  registry.misbehave = (request, response) => {
    if (request.method !== 'POST') return false;
    response.writeHead(302, { Location: request.url }).end();
    return true;
  };
  await t.rejects(
    pushBlob(place, source, WHAT),
    { code: 'registry-refused', status: 302 },
    'a redirection that turns a write into a read',
  );
});

await t.test('a relative location counts from the address that answered', async (t) => {
  const { registry, place } = await start(t);
  const mirror = await FakeRegistry.start();
  t.teardown(() => mirror.stop());
  registry.misbehave = (request, response) => {
    response.writeHead(307, { Location: `http://${mirror.host}${request.url}` }).end();
    return true;
  };
  await pushBlob(place, { ...blob, open: () => data }, WHAT);
  t.ok(mirror.blobs.get(`a@${blob.digest}`)?.equals(data));
  t.same(
    registry.seen.map(({ method }) => method),
    ['POST'],
  );
});

await t.test('a registry that asks for the login only at /v2/', async (t) => {
  const directory = t.testdir();
  const env = { HOME: directory, REGISTRY_AUTH_FILE: join(directory, 'auth.json') };
  const login = Buffer.from('somebody:secret').toString('base64');
  for (const status of [401, 403, 404]) {
    const { registry, place } = await start(t, { env });
    await writeFile(env.REGISTRY_AUTH_FILE, JSON.stringify({ auths: { [registry.host]: { auth: login } } }));
    registry.addManifest('a', '1', manifest, MANIFEST);
    registry.addBlob('a', data);
    registry.misbehave = (request, response) => {
      if (request.headers.authorization === `Basic ${login}`) return false;
      if (request.url === '/v2/') response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="x"' }).end();
      else response.writeHead(status).end();
      return true;
    };
    t.match(await readManifest(place, '1', WHAT), { mediaType: MANIFEST }, `hidden by ${status}`);
    const fresh = repositoryOf(registry.host, { env });
    t.equal(await hasBlob(fresh, blob.digest, WHAT), true, `a blob that is hidden by ${status}`);
    t.equal(registry.seen.filter(({ path }) => path === '/v2/').length, 2, 'which each client queries once');
  }
  const { registry, place } = await start(t, { env });
  t.equal(await findManifest(place, '1', WHAT), undefined, 'one that asks for nothing');
  t.equal(await findManifest(place, '2', WHAT), undefined);
  t.equal(
    registry.seen.filter(({ path }) => path === '/v2/').length,
    0,
    'a user without a login has nothing to log in with',
  );
});

await t.test('too many requests', async (t) => {
  const { registry, place } = await start(t);
  registry.addManifest('a', '1', manifest, MANIFEST);
  const busy =
    (retryAfter: string): Misbehaviour =>
    (_request, response) => {
      response
        .writeHead(429, { 'Retry-After': retryAfter })
        .end('{"errors":[{"code":"TOOMANYREQUESTS","message":"slow\\u001b[31m down"}]}');
      return true;
    };
  registry.misbehave = times(1, /./, busy('1'));
  const before = Date.now();
  await readManifest(place, '1', WHAT);
  t.ok(Date.now() - before >= 990, 'waited as long as it was asked to');
  registry.seen.length = 0;
  registry.misbehave = busy('3600');
  await t.rejects(readManifest(place, '1', WHAT), {
    code: 'registry-rate-limit',
    why: /TOOMANYREQUESTS: slow \[31m down.*Retry-After: 3600/,
  });
  t.equal(registry.seen.length, 1, 'nobody waits for an hour');
  registry.misbehave = times(2, /./, (_request, response) => {
    response.writeHead(503).end();
    return true;
  });
  t.match(await readManifest(place, '1', WHAT), { mediaType: MANIFEST }, 'a server that restarts');
});

await t.test('blobs in one request are refused: in pieces', async (t) => {
  const large = randomBytes(20 * 1024 * 1024 + 7);
  const source = {
    digest: sha256(large),
    size: large.length,
    open: () => Readable.from([large.subarray(0, 11), large.subarray(11)]),
  };
  for (const status of [413, 404, 501]) {
    const { registry, place } = await start(t);
    registry.misbehave = async (request, response, body) => {
      if (request.method !== 'PUT' || (await body()).length === 0) return false;
      response.writeHead(status).end();
      return true;
    };
    await pushBlob(place, source, WHAT);
    t.ok(registry.blobs.get(`a@${source.digest}`)?.equals(large), `status ${status}`);
    const pieces = registry.seen.filter(({ method }) => method === 'PATCH').map(({ size }) => size);
    t.same(pieces, [8 * 1024 * 1024, 8 * 1024 * 1024, 4 * 1024 * 1024 + 7]);
  }
  const early = await start(t);
  early.registry.misbehave = (request, response) => {
    if (request.method !== 'PUT' || request.headers['content-length'] === '0') return false;
    response.writeHead(413).end('too much');
    return true;
  };
  await pushBlob(early.place, source, WHAT);
  t.ok(early.registry.blobs.get(`a@${source.digest}`)?.equals(large), 'refused before it was read');

  const { registry, place } = await start(t);
  registry.misbehave = (request, response) => {
    if (request.method !== 'PUT') return false;
    request.socket.resetAndDestroy();
    response.destroy();
    return true;
  };
  registry.misbehave = times(1, /^PUT/, registry.misbehave);
  await pushBlob(place, source, WHAT);
  t.ok(
    registry.seen.some(({ method }) => method === 'PATCH'),
    'a proxy that breaks the connection',
  );
});

await t.test('a mount', async (t) => {
  const { registry, place } = await start(t);
  registry.addBlob('b', data);
  t.equal(await mountBlob(place, 'b', blob.digest, WHAT), true);
  t.ok(registry.blobs.has(`a@${blob.digest}`));
  t.equal(await mountBlob(place, 'nothing', blob.digest, WHAT), false, 'refused by starting an upload');
  t.equal(registry.seen.at(-1)?.method, 'DELETE', 'which is cancelled');
  for (const status of [401, 403, 404, 405]) {
    registry.misbehave = times(1, /^POST/, (_request, response) => {
      response.writeHead(status).end();
      return true;
    });
    t.equal(await mountBlob(place, 'b', blob.digest, WHAT), false, String(status));
  }
});

await t.test('refusals say what to do', async (t) => {
  const { registry, place } = await start(t);
  const cases = [
    [401, { code: 'registry-login-needed', exitCode: 4, next: /docker login 127/ }],
    [403, { code: 'registry-denied', exitCode: 4 }],
    [404, { code: 'registry-not-found', exitCode: 1 }],
    [413, { code: 'registry-too-large', exitCode: 1 }],
    [418, { code: 'registry-refused', exitCode: 1 }],
    [500, { code: 'registry-failed', exitCode: 1 }],
  ] as const;
  for (const [status, error] of cases) {
    registry.misbehave = (_request, response) => {
      response.writeHead(status).end('{"errors":[{"code":"CODE","message":"because"}]}');
      return true;
    };
    await t.rejects(readManifest(place, '1', WHAT), {
      ...error,
      what: WHAT,
      why: new RegExp(`127.* answered ${status} \\(CODE: because\\)`),
    });
  }
});

await t.test('no registry there', async (t) => {
  const hang = createTcpServer((socket) => socket.resume());
  const stalled = repositoryOf(await listen(t, hang), { idleTimeout: 50 });
  await t.rejects(readManifest(stalled, '1', WHAT), { code: 'registry-connection-lost', why: /no answer for 0.05 s/ });
  await t.rejects(readManifest(repositoryOf('127.0.0.1:1'), '1', WHAT), {
    code: 'registry-unreachable',
    why: /ECONNREFUSED/,
  });
  const { registry } = await start(t);
  const encrypted = repositoryOf(registry.host, { plainHttp: false });
  await t.rejects(readManifest(encrypted, '1', WHAT), { code: 'registry-no-tls', next: /--plain-http/ });
  t.same(registry.seen, [], 'and nothing was said without encryption');
});

await t.test('an interrupt ends waiting at once', async (t) => {
  for (const misbehave of [
    () => true,
    times(9, /./, (_request, response) => (response.writeHead(429, { 'Retry-After': '50' }).end(), true)),
  ]) {
    const controller = new AbortController();
    const { registry, place } = await start(t, { signal: controller.signal });
    registry.misbehave = misbehave;
    const reading = readManifest(place, '1', WHAT);
    setTimeout(() => {
      controller.abort('SIGTERM');
    }, 100);
    await t.rejects(reading, { code: 'interrupted', exitCode: 143 });
  }
});

await t.test('a token that is no JSON is not shown', async (t) => {
  const server = createServer((request, response) => {
    const realm = `Bearer realm="http://${request.headers.host ?? ''}/token"`;
    if (request.url?.startsWith('/token') === true) response.end('{"token":hunter2}');
    else response.writeHead(401, { 'WWW-Authenticate': realm }).end();
  });
  const error = await readManifest(repositoryOf(await listen(t, server)), '1', WHAT).catch((reason: unknown) => reason);
  t.match(error, { code: 'registry-content', why: 'the answer of its token service is no JSON' });
  t.notMatch(JSON.stringify(error), 'hunter2');
});
