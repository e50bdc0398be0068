// SPDX-License-Identifier: GPL-2.0-only
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { findLogin } from '#mpu/lib/registry/logins.js';

const auth = (login: string): { auth: string } => ({ auth: Buffer.from(login).toString('base64') });
const password = (username: string, secret: string): object => ({ kind: 'password', username, password: secret });

/** A home with files in it; nothing outside it is searched. */
async function home(t: Test, files: Record<string, unknown>): Promise<NodeJS.ProcessEnv> {
  const directory = t.testdir();
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
    if (name.startsWith('bin/')) await chmod(path, 0o755);
  }
  return { PATH: `${directory}/bin:/usr/bin:/bin`, HOME: directory, XDG_RUNTIME_DIR: join(directory, 'run') };
}

const login = async (env: NodeJS.ProcessEnv, host: string, repository = 'team/app'): Promise<unknown> =>
  (await findLogin(host, repository, env)).login;

await t.test('where they are, and which comes first', async (t) => {
  const env = await home(t, {
    '.docker/config.json': { auths: { a: auth('u:docker'), b: auth('u:docker'), c: auth('u:docker') } },
    '.config/containers/auth.json': { auths: { a: auth('u:config'), b: auth('u:config') } },
    'run/containers/auth.json': { auths: { a: auth('u:runtime') } },
    'named.json': { auths: { a: auth('u:named') } },
    'other/config.json': { auths: { c: auth('u:other') } },
  });
  t.same(await login(env, 'a'), password('u', 'runtime'));
  t.same(await login(env, 'b'), password('u', 'config'));
  t.same(await login(env, 'c'), password('u', 'docker'));
  const named = {
    ...env,
    REGISTRY_AUTH_FILE: join(env.HOME ?? '', 'named.json'),
    DOCKER_CONFIG: join(env.HOME ?? '', 'other'),
  };
  t.same(await login(named, 'a'), password('u', 'named'));
  t.same(await login(named, 'b'), undefined, 'the named files stand in for the usual ones');
  t.same(await login(named, 'c'), password('u', 'other'));
  t.match((await findLogin('a', 'x', named)).story, 'named.json');
});

await t.test('keys and secrets', async (t) => {
  const env = await home(t, {
    '.docker/config.json': {
      auths: {
        'https://index.docker.io/v1/': auth('hub:a:b'),
        'https://old.example/v2/': auth('old:pw'),
        'reg.example': auth('all:pw'),
        'reg.example/team': auth('team:pw'),
        'reg.example/team/app': auth('app:pw\0\0'),
        'token.example': { ...auth('u:'), identitytoken: 'refresh' },
        'direct.example': { registrytoken: 'direct' },
        'plain.example': { username: 'u', password: 'p' },
        'empty.example': {},
        'broken.example': { auth: 'AAAA' },
      },
    },
  });
  t.same(await login(env, 'docker.io', 'library/debian'), password('hub', 'a:b'));
  t.same(await login(env, 'old.example'), password('old', 'pw'));
  t.same(await login(env, 'reg.example', 'other'), password('all', 'pw'));
  t.same(await login(env, 'reg.example', 'team/x/y'), password('team', 'pw'));
  t.same(await login(env, 'reg.example', 'team/app'), password('app', 'pw'));
  t.same(await login(env, 'token.example'), { kind: 'identity', token: 'refresh' });
  t.same(await login(env, 'direct.example'), { kind: 'token', token: 'direct' });
  t.same(await login(env, 'plain.example'), password('u', 'p'));
  for (const host of ['empty.example', 'broken.example', 'none.example'])
    t.equal(await login(env, host), undefined, host);
});

await t.test('programs that keep passwords', async (t) => {
  const helper = `#!/bin/sh
[ "$1" = get ] || exit 2
read -r server
case $server in
https://index.docker.io/v1/|one.example|two.example) printf '{"ServerURL":"%s","Username":"%s","Secret":"s"}' "$server" "\${0##*-}";;
token.example) printf '{"ServerURL":"","Username":"<token>","Secret":"refresh"}';;
locked.example) echo 'the keyring is locked' >&2; exit 1;;
*) echo 'credentials not found in native keychain'; exit 1;;
esac`;
  const env = await home(t, {
    'bin/docker-credential-all': helper,
    'bin/docker-credential-one': helper,
    '.docker/config.json': {
      credsStore: 'all',
      credHelpers: { 'one.example': 'one', 'missing.example': 'missing', 'bad.example': '../../bin/sh' },
      auths: { 'two.example': {}, 'file.example': auth('u:p') },
    },
  });
  t.same(await login(env, 'one.example'), password('one', 's'));
  t.same(await login(env, 'two.example'), password('all', 's'));
  t.same(await login(env, 'docker.io'), password('all', 's'));
  t.same(await login(env, 'token.example'), { kind: 'identity', token: 'refresh' });
  t.same(await login(env, 'file.example'), password('u', 'p'));
  t.same(await findLogin('none.example', 'x', env), { login: undefined, story: 'no login was found for it' });
  t.match(await findLogin('locked.example', 'x', env), {
    login: undefined,
    story: /config\.json cannot be used: docker-credential-all failed: the keyring is locked/,
  });
  t.match(await findLogin('missing.example', 'x', env), {
    login: undefined,
    story: /docker-credential-missing ENOENT/,
  });
  t.match(await findLogin('bad.example', 'x', env), { login: undefined, story: /is no name of a program/ });
});

await t.test('files that cannot be used are told, and the others used', async (t) => {
  const env = await home(t, { 'run/containers/auth.json': '{', '.docker/config.json': { auths: { a: auth('u:p') } } });
  t.same(await login(env, 'a'), password('u', 'p'));
  t.match(await findLogin('b', 'x', env), {
    login: undefined,
    story: /run\/containers\/auth\.json cannot be used: it is no JSON object$/,
  });
});

await t.test('no secret gets into what is said', async (t) => {
  const helper = (body: string): string => `#!/bin/sh\n${body}`;
  const env = await home(t, {
    'bin/docker-credential-broken': helper(`echo '{"Username":"u","Secret":"hunter2'`),
    'bin/docker-credential-failing': helper(`echo '{"Username":"u","Secret":"hunter2"}'; exit 3`),
    'bin/docker-credential-nameless': helper(`echo '{"Secret":"hunter2"}'`),
    'run/containers/auth.json': '{"auths":{"a":{"auth":hunter2}}}',
    '.docker/config.json': {
      credHelpers: Object.fromEntries(['broken', 'failing', 'nameless'].map((name) => [`${name}.example`, name])),
    },
  });
  const expected: [string, RegExp][] = [
    ['broken', /docker-credential-broken gave no user name and secret$/],
    ['failing', /docker-credential-failing failed: status 3$/],
    ['nameless', /docker-credential-nameless gave no user name and secret$/],
  ];
  for (const [name, said] of expected) {
    const { login: found, story } = await findLogin(`${name}.example`, 'x', env);
    t.equal(found, undefined);
    t.match(story, said);
    t.match(story, /auth\.json cannot be used: it is no JSON object/);
    t.notMatch(story, /hunter2|"Secret/);
  }
});
