// SPDX-License-Identifier: GPL-2.0-only
/** `mpu inject docker://...` on the real registry, checked by skopeo; what went over the wire is in its access log. */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { lacking } from '../lib/engines.js';
import { FakeRegistry } from '../lib/fake-registry.js';
import { check, mpu, type Ended } from '../lib/mpu.js';
import type { Descriptor } from '#mpu/lib/oci/descriptor.js';
import { inject } from '#mpu/lib/inject.js';
import { startRegistry, type TestRegistry } from '../lib/registry.js';
import { makeCertificate, startTokenServer } from '../lib/token-server.js';
import { TinyLayout, debianArmLayer, debianLayer, writeStandInLibraries } from '../lib/tiny-layout.js';

const skip = await lacking(['docker-registry', 'skopeo', 'htpasswd', 'openssl']);
const libraries = t.testdir();
await writeStandInLibraries(libraries);

interface Result {
  outcome: string;
  image: string;
  digest: string;
  sizeAdded: number;
  platforms: string[];
  skippedPlatforms: string[];
  error?: { code: string };
}

const document = ({ stdout }: Ended): Result => JSON.parse(stdout) as Result;
const digestOf = (data: string): string => `sha256:${createHash('sha256').update(data).digest('hex')}`;

/** An empty directory that goes away with the test. */
async function scratch(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'mpu-inject-registry-'));
  t.teardown(() => rm(directory, { recursive: true }));
  return directory;
}

/** An environment without logins but for those of `auths`. */
async function home(t: Test, auths: Record<string, { auth: string }> = {}): Promise<NodeJS.ProcessEnv> {
  const directory = await scratch(t);
  await mkdir(join(directory, '.docker'));
  await writeFile(join(directory, '.docker', 'config.json'), JSON.stringify({ auths }));
  return { PATH: process.env.PATH, HOME: directory, XDG_RUNTIME_DIR: directory, MPU_LIBRARY_DIR: libraries, MPU_PLAIN_HTTP: '1' };
}

async function registry(t: Test, settings: Parameters<typeof startRegistry>[0] = {}): Promise<TestRegistry> {
  const started = await startRegistry(settings);
  t.teardown(() => started.stop());
  return started;
}

/** An image of a few platforms: one, or an index of many. Gives the digests of its layers. */
async function pushImage(t: Test, to: string, platforms: readonly string[], credentials: string[] = []): Promise<string[]> {
  const layout = new TinyLayout(join(await scratch(t), 'layout'));
  const images: Descriptor[] = [];
  for (const platform of platforms) {
    const [os = '', architecture = ''] = platform.split('/');
    const layers = [architecture === 'arm64' ? debianArmLayer : debianLayer, { [`${platform.replace('/', '-')}`]: 'x'.repeat(5000) }];
    images.push({ ...(await layout.image({ layers, architecture, os })), platform: { os, architecture } });
  }
  const [only] = images;
  const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
  const top = images.length > 1 ? await layout.blob({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: images }, OCI_INDEX) : only;
  if (top === undefined) throw new Error('no platform');
  await layout.finish({ ...top, annotations: { 'org.opencontainers.image.ref.name': '1' } });
  await check('skopeo', ['copy', '--quiet', '--all', '--dest-tls-verify=false', ...credentials, `oci:${layout.directory}:1`, to]);
  const manifests = await Promise.all(images.map(async ({ digest }) => (await layout.json(digest)) as { layers: Descriptor[] }));
  return manifests.flatMap(({ layers }) => layers.map(({ digest }) => digest));
}

interface Inspected {
  raw: string;
  layers: string[];
  environment: string[];
}

const skopeo = (...args: string[]): Promise<string> => check('skopeo', [...args]);
const rawManifest = (image: string): Promise<string> => skopeo('inspect', '--tls-verify=false', '--raw', image);

async function inspect(image: string): Promise<Inspected> {
  const raw = await rawManifest(image);
  const config = JSON.parse(await skopeo('inspect', '--tls-verify=false', '--config', image)) as { config: { Env?: string[] } };
  const { layers } = JSON.parse(raw) as { layers: Descriptor[] };
  return { raw, layers: layers.map(({ digest }) => digest), environment: config.config.Env ?? [] };
}

await t.test('an image gets a layer; those that are there stay where they are', { skip }, async (t) => {
  const { host, requests } = await registry(t);
  const env = await home(t);
  const source = `docker://${host}/team/app:1`;
  const base = await pushImage(t, source, ['linux/amd64']);
  const before = await rawManifest(source);
  await requests();
  const ended = await mpu(['inject', source, '--json'], { env });
  t.match(ended, { status: 0, stderr: '' });
  const result = document(ended);
  t.match(result, { outcome: 'created', image: `docker://${host}/team/app:1-mpu`, platforms: ['linux/amd64'], skippedPlatforms: [] });

  const log = await requests();
  const blobs = log.filter(({ path }) => base.some((digest) => path.includes(digest)));
  t.same(blobs, [], 'no base layer was asked for');
  t.equal(log.filter(({ method }) => method === 'GET').length, 2 + 1, 'the manifest, the configuration, and whether the tag is taken');
  t.match(log.at(-1), { method: 'PUT', path: '/v2/team/app/manifests/1-mpu', status: 201 }, 'the tag is the last thing');
  t.equal(log.filter(({ method, path }) => method === 'PUT' && path.includes('/blobs/')).length, 2, 'a layer and a configuration were sent');

  t.equal(await rawManifest(source), before, 'the source is as it was');
  const injected = await inspect(`docker://${host}/team/app:1-mpu`);
  t.equal(digestOf(injected.raw), result.digest);
  t.same(injected.layers.slice(0, -1), base);
  t.equal(injected.layers.length, base.length + 1);
  t.ok(injected.environment.some((entry) => entry.startsWith('LD_PRELOAD=/usr/lib/mpu/')), 'loaded without a look into the layers');
  const copy = join(await scratch(t), 'copy');
  await skopeo('copy', '--quiet', '--src-tls-verify=false', `docker://${host}/team/app:1-mpu`, `oci:${copy}:x`);

  await t.test('again: nothing is sent', async (t) => {
    await requests();
    t.match(document(await mpu(['inject', source, '--json'], { env })), { outcome: 'unchanged', digest: result.digest, sizeAdded: 0 });
    t.notOk((await requests()).some(({ method }) => method !== 'GET' && method !== 'HEAD'));
    t.match(document(await mpu(['inject', `${source}-mpu`, '--json'], { env })), { outcome: 'already-injected', digest: result.digest });
  });

  await t.test('what has the name: an older one of mpu is replaced, another only by force', async (t) => {
    const other = join(await scratch(t), 'libraries');
    await writeStandInLibraries(other, 'newer');
    const again = await mpu(['inject', source, '--json', '--library-dir', other], { env });
    t.match(document(again), { outcome: 'replaced' });
    await skopeo('copy', '--quiet', '--src-tls-verify=false', '--dest-tls-verify=false', source, `docker://${host}/team/app:taken`);
    const refused = await mpu(['inject', source, '--tag', 'taken', '--json'], { env });
    t.match(refused.status, 1);
    t.match(document(refused), { error: { code: 'target-exists' } });
    t.equal(await rawManifest(`docker://${host}/team/app:taken`), before);
    t.match(document(await mpu(['inject', source, '--tag', 'taken', '--json', '--force'], { env })), { outcome: 'replaced' });
  });

  await t.test('by digest', async (t) => {
    const byDigest = `docker://${host}/team/app@${digestOf(before)}`;
    t.match(await mpu(['inject', byDigest], { env }), { status: 2, stderr: /named by its digest[^]*--tag TAG/ });
    t.match(document(await mpu(['inject', byDigest, '--tag', 'pinned', '--json'], { env })), { outcome: 'created', digest: result.digest });
  });

  await t.test('with a look into the layers: ld.so.preload', async (t) => {
    await requests();
    const read = await inject(source, { tag: 'read', readLayers: 'always', plainHttp: true, libraryDirectory: libraries });
    t.match(read, { outcome: 'created', image: `docker://${host}/team/app:read` });
    t.ok((await requests()).some(({ path }) => base.some((digest) => path.endsWith(`blobs/${digest}`))), 'they were downloaded');
    const { environment } = await inspect(`docker://${host}/team/app:read`);
    t.notOk(environment.some((entry) => entry.startsWith('LD_PRELOAD=')));
  });
});

await t.test('an index: each platform its own library', { skip }, async (t) => {
  const { host, requests } = await registry(t);
  const env = await home(t);
  const source = `docker://${host}/multi:1`;
  const base = await pushImage(t, source, ['linux/amd64', 'linux/arm64', 'windows/amd64']);
  await requests();
  const result = document(await mpu(['inject', source, '--json'], { env }));
  t.match(result, { outcome: 'created', platforms: ['linux/amd64', 'linux/arm64'], skippedPlatforms: ['windows/amd64'] });
  t.notOk((await requests()).some(({ path }) => base.some((digest) => path.includes(digest))));
  const index = JSON.parse(await rawManifest(result.image)) as { manifests: Descriptor[] };
  const old = JSON.parse(await rawManifest(source)) as { manifests: Descriptor[] };
  t.same(index.manifests.map(({ platform }) => platform), old.manifests.map(({ platform }) => platform));
  t.same(index.manifests[2], old.manifests[2], 'left alone');
  for (const { digest } of index.manifests.slice(0, 2)) t.equal((await inspect(`docker://${host}/multi@${digest}`)).layers.length, 3);

  await t.test('to another repository: mounted, with every platform', async (t) => {
    await requests();
    const pushed = document(await mpu(['inject', source, '--push-to', `docker://${host}/other/multi:2`, '--json'], { env }));
    t.match(pushed, { outcome: 'created', image: `docker://${host}/other/multi:2`, digest: result.digest });
    const log = await requests();
    const mounts = log.filter(({ path }) => base.some((digest) => path.includes(encodeURIComponent(digest))));
    t.equal(mounts.length, base.length);
    t.ok(mounts.every(({ method, status }) => method === 'POST' && status === 201));
    t.notOk(log.some(({ path }) => base.some((digest) => path.includes(`blobs/${digest}`))), 'no base layer moved');
    await skopeo('copy', '--quiet', '--all', '--src-tls-verify=false', pushed.image, `oci:${join(await scratch(t), 'copy')}:x`);
  });

  await t.test('to another registry: streamed', async (t) => {
    const second = await registry(t);
    const to = `docker://${second.host}/far/multi`;
    const pushed = document(await mpu(['inject', source, '--push-to', to, '--json'], { env }));
    t.match(pushed, { outcome: 'created', image: `${to}:1-mpu`, digest: result.digest });
    await skopeo('copy', '--quiet', '--all', '--src-tls-verify=false', pushed.image, `oci:${join(await scratch(t), 'copy')}:x`);
    await second.requests();
    t.match(document(await mpu(['inject', source, '--push-to', `${to}:again`, '--json'], { env })), { outcome: 'created' });
    t.notOk((await second.requests()).some(({ method, path }) => method !== 'HEAD' && path.includes('/blobs/')), 'what is there is not sent again');
  });
});

await t.test('logins', { skip }, async (t) => {
  const { host } = await registry(t, { user: { name: 'somebody', password: 'pass:word' } });
  const auth = (text: string): { auth: string } => ({ auth: Buffer.from(text).toString('base64') });
  const source = `docker://${host}/private/app:1`;
  await pushImage(t, source, ['linux/amd64'], ['--dest-creds', 'somebody:pass:word']);
  t.match(await mpu(['inject', source], { env: await home(t) }), { status: 4, stdout: '', stderr: /answered 401.*no login was found[^]*docker login 127/ });
  const wrong = await home(t, { [host]: auth('somebody:wrong') });
  t.match(await mpu(['inject', source], { env: wrong }), { status: 4, stderr: /the login is that of .*config\.json/ });
  const right = await home(t, { [`${host}/private`]: auth('somebody:pass:word') });
  t.match(await mpu(['inject', source], { env: right }), { status: 0, stdout: /:1-mpu\n {2}made from/ });
  t.match(await mpu(['inject', source, '--push-to', `docker://${host}/public/app`], { env: right }), { status: 4 }, 'the login is for the other repository');

  await t.test('those that docker and podman write', { skip: await lacking(['docker', 'podman'], true) }, async (t) => {
    const bare = await home(t);
    const logIn = ['login', '--username', 'somebody', '--password', 'pass:word'];
    await check('podman', [...logIn, '--tls-verify=false', host], { env: bare });
    t.match(await mpu(['inject', source], { env: bare }), { status: 0, stdout: /unchanged/ });
  });
});

await t.test('tokens', { skip }, async (t) => {
  const directory = await scratch(t);
  const certificate = await makeCertificate(directory, 'issuer');
  const user = { name: 'somebody', password: 'secret', refreshToken: 'refresh:me' };
  const tokens = await startTokenServer(certificate, 'issuer', user);
  t.teardown(() => tokens.stop());
  const token = { realm: tokens.realm, service: 'here', issuer: 'issuer', certificate: certificate.certificate };
  const { host, requests } = await registry(t, { token });
  const source = `docker://${host}/public/app:1`;
  const base = await pushImage(t, source, ['linux/amd64'], ['--dest-creds', 'somebody:secret']);
  const nobody = await mpu(['inject', source], { env: await home(t) });
  t.match(nobody, { status: 4, stderr: /cannot write docker:[^]*no login was found/ }, 'everybody may read, nobody write');
  t.match(await mpu(['inject', source], { env: await home(t, { [host]: { auth: Buffer.from('somebody:x').toString('base64') } }) }), {
    status: 4,
    stderr: /cannot read docker:[^]*UNAUTHORIZED: wrong password.*the login is that of/,
  });
  const env = await home(t, { [host]: { auth: Buffer.from('somebody:secret').toString('base64') } });
  tokens.seen.length = 0;
  t.match(await mpu(['inject', source], { env }), { status: 0, stdout: /made from/ });
  const asked = tokens.seen.map(({ scopes }) => scopes.join(' '));
  t.same(asked, ['repository:public/app:pull', 'repository:public/app:pull,push'], 'each token was asked for once');
  await requests();
  t.match(await mpu(['inject', source, '--push-to', `docker://${host}/private/app`], { env }), { status: 0, stdout: /made from/ });
  t.ok(tokens.seen.some(({ scopes }) => scopes.join(' ') === 'repository:private/app:pull,push repository:public/app:pull'), 'for a mount');
  t.notOk((await requests()).some(({ path }) => base.some((digest) => path.includes(`blobs/${digest}`))), 'which is granted');

  await t.test('an identity token', async (t) => {
    tokens.seen.length = 0;
    const identity = await home(t, { [host]: { auth: '', identitytoken: 'refresh:me' } as { auth: string } });
    t.match(await mpu(['inject', source, '--tag', 'identity'], { env: identity }), { status: 0 });
    t.ok(tokens.seen.length > 0 && tokens.seen.every(({ method, who }) => method === 'POST' && who === 'refresh'));
  });

  await t.test('the login goes to no token service without encryption', async (t) => {
    const certificate = await makeCertificate(await scratch(t), 'registry');
    const encrypted = await registry(t, { token, tls: certificate });
    tokens.seen.length = 0;
    const { MPU_PLAIN_HTTP: _, ...rest } = await home(t, { [encrypted.host]: { auth: Buffer.from('somebody:secret').toString('base64') } });
    const ended = await mpu(['inject', `docker://${encrypted.host}/public/app:1`], { env: { ...rest, NODE_EXTRA_CA_CERTS: certificate.certificate } });
    t.match(ended, { status: 1, stderr: /wants the login sent to http:.*without encryption/ });
    t.same(tokens.seen, []);
  });
});

await t.test('encryption', { skip }, async (t) => {
  const certificate = await makeCertificate(await scratch(t), 'registry');
  const { host } = await registry(t, { tls: certificate });
  const { MPU_PLAIN_HTTP: _, ...env } = await home(t);
  const source = `docker://${host}/app:1`;
  await pushImage(t, source, ['linux/amd64']);
  const unknown = await mpu(['inject', source], { env });
  t.match(unknown, { status: 1, stdout: '', stderr: new RegExp(`certificate of ${host} cannot be trusted[^]*/etc/docker/certs.d/${host}/ca.crt`) });
  t.match(await mpu(['inject', source, '--plain-http'], { env }), { status: 1, stderr: /speaks HTTPS[^]*leave out --plain-http/ });
  t.match(await mpu(['inject', source], { env: { ...env, NODE_EXTRA_CA_CERTS: certificate.certificate } }), { status: 0, stdout: /made from/ });
  t.match(await mpu(['inject', source], { env: { ...env, SSL_CERT_FILE: certificate.certificate } }), { status: 0, stdout: /unchanged/ });
  const place = join(env.HOME ?? '', '.config/containers/certs.d', host);
  await mkdir(place, { recursive: true });
  await copyFile(certificate.certificate, join(place, 'ca.crt'));
  t.match(await mpu(['inject', source], { env }), { status: 0, stdout: /unchanged/ });

  await t.test('with a certificate of the client', async (t) => {
    const own = await makeCertificate(await scratch(t), 'client');
    const strict = await registry(t, { tls: { ...certificate, authority: own.certificate } });
    const client = await home(t);
    const there = join(client.HOME ?? '', '.config/docker/certs.d', strict.host);
    await mkdir(there, { recursive: true });
    await copyFile(certificate.certificate, join(there, 'ca.crt'));
    const args = ['inject', `docker://${strict.host}/app:1`];
    const strictly = { env: { ...client, MPU_PLAIN_HTTP: '0' } };
    t.match(await mpu(args, strictly), { status: 4, stderr: /only clients with a certificate[^]*client.cert/ });
    await copyFile(own.certificate, join(there, 'client.cert'));
    await copyFile(own.key, join(there, 'client.key'));
    t.match(await mpu(args, strictly), { status: 1, stderr: /answered 404/ }, 'let in, to no image');
    await copyFile(certificate.key, join(there, 'client.key'));
    t.match(await mpu(args, strictly), { status: 1, stderr: /cannot use the certificates for 127/ });
  });
});

await t.test('a registry that fails leaves the tag as it was', { skip }, async (t) => {
  const fake = await FakeRegistry.start();
  t.teardown(() => fake.stop());
  const env = await home(t);
  const source = `docker://${fake.host}/app:1`;
  await pushImage(t, source, ['linux/amd64', 'linux/arm64']);
  t.match(await mpu(['inject', source], { env }), { status: 0 });
  const old = fake.manifests.get('app:1-mpu');
  await skopeo('copy', '--quiet', '--all', '--src-tls-verify=false', '--dest-tls-verify=false', source, `docker://${fake.host}/app:2`);
  const newer = join(await scratch(t), 'libraries');
  await writeStandInLibraries(newer, 'newer');
  const again = ['inject', source, '--library-dir', newer];
  const cases: [name: string, pattern: RegExp, status: number | 'drop', expected: object][] = [
    ['a blob is refused', /^PUT .*blobs/, 403, { status: 4, stderr: /answered 403/ }],
    ['no upload may start', /^POST .*blobs/, 401, { status: 4, stderr: /answered 401/ }],
    ['a blob is too large', /^(PUT|PATCH) .*blobs/, 413, { status: 1, stderr: /answered 413[^]*limit of the request size/ }],
    ['the connection drops in a blob', /^PUT .*blobs/, 'drop', { status: 1, stderr: /socket hang up[^]*run it again/ }],
    ['a manifest is refused', /^PUT .*manifests\/sha256/, 400, { status: 1, stderr: /answered 400/ }],
    ['the tag is refused', /^PUT .*manifests\/1-mpu/, 403, { status: 4, stderr: /cannot write docker:.*1-mpu/ }],
    ['the connection drops at the tag', /^PUT .*manifests\/1-mpu/, 'drop', { status: 1 }],
    ['the configuration is missing', /^GET .*blobs/, 404, { status: 1, stderr: /answered 404/ }],
  ];
  for (const [name, pattern, status, expected] of cases) {
    fake.misbehave = (request, response) => {
      if (!pattern.test(`${request.method} ${request.url}`)) return false;
      if (status === 'drop') request.socket.destroy();
      else response.writeHead(status).end();
      return true;
    };
    const ended = await mpu(again, { env });
    t.match(ended, { ...expected, stdout: '' }, name);
    t.match(ended.stderr, /error: .*\n {2}why: .*\n {2}next: /);
    t.equal(fake.manifests.get('app:1-mpu'), old, `${name}: the tag is where it was`);
  }

  await t.test('an interrupt', async (t) => {
    const third = join(await scratch(t), 'libraries');
    await writeStandInLibraries(third, 'third');
    let interrupt = (): void => undefined;
    const onStart = (child: ChildProcess): void => {
      interrupt = () => void child.kill('SIGINT');
    };
    fake.misbehave = (request) => {
      if (request.method === 'POST') interrupt();
      return request.method === 'POST';
    };
    const ended = await mpu(['inject', source, '--library-dir', third], { env, onStart });
    t.match(ended, { status: 130, stdout: '', stderr: /interrupted/ });
    t.equal(fake.manifests.get('app:1-mpu'), old);

    await t.test('is too late once the tag is on its way', async (t) => {
      fake.misbehave = async (request) => {
        if (!request.url.endsWith('/manifests/late')) return false;
        if (request.method === 'PUT') interrupt();
        await sleep(300);
        return false;
      };
      const late = await mpu(['inject', source, '--tag', 'late'], { env, onStart });
      t.match(late, { status: 0, stdout: /:late\n/ });
      t.ok(fake.manifests.has('app:late'));
    });
  });

  fake.misbehave = () => false;
  t.match(await mpu(again, { env }), { status: 0, stdout: /made again/ }, 'and then it works');
  t.not(fake.manifests.get('app:1-mpu'), old);
});

await t.test('encryption is given up only when asked', { skip }, async (t) => {
  const { host } = await registry(t);
  const { MPU_PLAIN_HTTP: _, ...env } = await home(t);
  await pushImage(t, `docker://${host}/app:1`, ['linux/amd64']);
  const refused = await mpu(['inject', `docker://${host}/app:1`, '--json'], { env });
  t.match(refused.status, 1);
  t.match(document(refused), { error: { code: 'registry-no-tls', next: /--plain-http/ } });
  t.match(await mpu(['inject', `docker://${host}/app:1`, '--plain-http'], { env }), { status: 0 });
});

await t.test('names that cannot be', async (t) => {
  const env = await home(t);
  const usage = async (why: RegExp, ...args: string[]): Promise<void> => {
    const ended = await mpu(['inject', ...args], { env });
    t.match(ended, { status: 2, stdout: '', stderr: why }, args.join(' '));
  };
  await usage(/not NAME/, 'docker://127.0.0.1:1/App:1');
  await usage(/--push-to is for images of registries/, 'app', '--push-to', 'docker://127.0.0.1:1/app');
  await usage(/begins with docker:/, 'docker://127.0.0.1:1/app', '--push-to', '127.0.0.1:1/app');
  await usage(/it lies in no engine/, 'docker://127.0.0.1:1/app', '--engine', 'docker');
});

await t.test('nothing but the result in a pipe, progress on a terminal', { skip: await lacking(['docker-registry', 'skopeo', 'script']) }, async (t) => {
  const { host } = await registry(t);
  const env = await home(t);
  await pushImage(t, `docker://${host}/app:1`, ['linux/amd64']);
  const cli = join(process.cwd(), 'dist/cli.js');
  const log = join(await scratch(t), 'typescript');
  await check('script', ['--quiet', '--command', `${process.execPath} ${cli} inject docker://${host}/app:1`, log], { env });
  const shown = await readFile(log, 'utf8');
  t.match(shown, /reading the manifest of docker:/);
  t.match(shown, /moving the tag/);
  t.match(shown, /:1-mpu/);
});
