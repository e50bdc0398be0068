// SPDX-License-Identifier: GPL-2.0-only
/** How `mpu inject docker://...` gets into registries: logins, tokens, certificates. */
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { lacking } from '../support/engines.js';
import { check, mpu } from '../support/mpu.js';
import { home, loginEntry, pushImage, registry, scratch } from '../support/registry-images.js';
import { makeCertificate, startTokenServer } from '../support/token-server.js';

const skip = await lacking(['docker-registry', 'skopeo', 'htpasswd', 'openssl']);

await t.test('logins', { skip }, async (t) => {
  const { host } = await registry(t, { user: { name: 'somebody', password: 'pass:word' } });
  const source = `docker://${host}/private/app:1`;
  await pushImage(t, source, ['linux/amd64'], ['--dest-creds', 'somebody:pass:word']);
  t.match(await mpu(['inject', source], { env: await home(t) }), {
    status: 4,
    stdout: '',
    stderr: /answered 401.*no login was found[^]*docker login 127/,
  });
  const wrong = await home(t, { [host]: loginEntry('somebody:wrong') });
  t.match(await mpu(['inject', source], { env: wrong }), { status: 4, stderr: /the login is that of .*config\.json/ });
  const right = await home(t, { [`${host}/private`]: loginEntry('somebody:pass:word') });
  t.match(await mpu(['inject', source], { env: right }), { status: 0, stdout: /:1-mpu\n {2}made from/ });
  t.match(
    await mpu(['inject', source, '--push-to', `docker://${host}/public/app`], { env: right }),
    { status: 4 },
    'the login is for the other repository',
  );

  await t.test('those that podman writes', { skip: await lacking(['podman']) }, async (t) => {
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
  t.match(
    nobody,
    { status: 4, stderr: /cannot write docker:[^]*no login was found/ },
    'everybody may read, nobody write',
  );
  t.match(await mpu(['inject', source], { env: await home(t, { [host]: loginEntry('somebody:x') }) }), {
    status: 4,
    stderr: /cannot read docker:[^]*UNAUTHORIZED: wrong password.*the login is that of/,
  });
  const env = await home(t, { [host]: loginEntry('somebody:secret') });
  tokens.seen.length = 0;
  t.match(await mpu(['inject', source], { env }), { status: 0, stdout: /made from/ });
  const asked = tokens.seen.map(({ scopes }) => scopes.join(' '));
  t.same(asked, ['repository:public/app:pull', 'repository:public/app:pull,push'], 'each token was asked for once');
  await requests();
  t.match(await mpu(['inject', source, '--push-to', `docker://${host}/private/app`], { env }), {
    status: 0,
    stdout: /made from/,
  });
  t.ok(
    tokens.seen.some(
      ({ scopes }) => scopes.join(' ') === 'repository:private/app:pull,push repository:public/app:pull',
    ),
    'for a mount',
  );
  t.notOk(
    (await requests()).some(({ path }) => base.some((digest) => path.includes(`blobs/${digest}`))),
    'which is granted',
  );

  await t.test('an identity token', async (t) => {
    tokens.seen.length = 0;
    const identity = await home(t, { [host]: { auth: '', identitytoken: 'refresh:me' } });
    t.match(await mpu(['inject', source, '--tag', 'identity'], { env: identity }), { status: 0 });
    t.ok(tokens.seen.length > 0 && tokens.seen.every(({ method, who }) => method === 'POST' && who === 'refresh'));
  });

  await t.test('the login goes to no token service without encryption', async (t) => {
    const certificate = await makeCertificate(await scratch(t), 'registry');
    const encrypted = await registry(t, { token, tls: certificate });
    tokens.seen.length = 0;
    const bare = await home(t, { [encrypted.host]: loginEntry('somebody:secret') });
    const ended = await mpu(['inject', `docker://${encrypted.host}/public/app:1`], {
      env: { ...bare, MPU_PLAIN_HTTP: '0', NODE_EXTRA_CA_CERTS: certificate.certificate },
    });
    t.match(ended, { status: 1, stderr: /wants the login sent to http:.*without encryption/ });
    t.same(tokens.seen, []);
  });
});

await t.test('encryption', { skip }, async (t) => {
  const certificate = await makeCertificate(await scratch(t), 'registry');
  const { host } = await registry(t, { tls: certificate });
  const env: NodeJS.ProcessEnv = { ...(await home(t)), MPU_PLAIN_HTTP: '0' };
  const source = `docker://${host}/app:1`;
  await pushImage(t, source, ['linux/amd64']);
  const unknown = await mpu(['inject', source], { env });
  t.match(unknown, {
    status: 1,
    stdout: '',
    stderr: new RegExp(`certificate of ${host} cannot be trusted[^]*/etc/docker/certs.d/${host}/ca.crt`),
  });
  t.match(await mpu(['inject', source, '--plain-http'], { env }), {
    status: 1,
    stderr: /speaks HTTPS[^]*leave out --plain-http/,
  });
  t.match(await mpu(['inject', source], { env: { ...env, NODE_EXTRA_CA_CERTS: certificate.certificate } }), {
    status: 0,
    stdout: /made from/,
  });
  t.match(await mpu(['inject', source], { env: { ...env, SSL_CERT_FILE: certificate.certificate } }), {
    status: 0,
    stdout: /unchanged/,
  });
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

await t.test('encryption is given up only when asked', { skip }, async (t) => {
  const { host } = await registry(t);
  const env: NodeJS.ProcessEnv = { ...(await home(t)), MPU_PLAIN_HTTP: '0' };
  await pushImage(t, `docker://${host}/app:1`, ['linux/amd64']);
  const refused = await mpu(['inject', `docker://${host}/app:1`, '--json'], { env });
  t.match(refused.status, 1);
  t.match(JSON.parse(refused.stdout), { error: { code: 'registry-no-tls', next: /--plain-http/ } });
  t.match(await mpu(['inject', `docker://${host}/app:1`, '--plain-http'], { env }), { status: 0 });
});
