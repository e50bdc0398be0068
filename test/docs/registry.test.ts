// SPDX-License-Identifier: GPL-2.0-only
/** Runs every command of docs/registry.md, on registries of its own. */
import { chmod, copyFile, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { lacking } from '../support/engines.js';
import { checkout, run } from '../support/mpu.js';
import { home, pushImage, registry, scratch } from '../support/registry-images.js';
import { makeCertificate } from '../support/token-server.js';

const skip = await lacking(['docker-registry', 'skopeo', 'htpasswd', 'openssl', 'podman']);
const page = await readFile(join(checkout, 'docs/registry.md'), 'utf8');
const commands = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = '']) => block.trimEnd().split('\n'));

await t.test('the commands', { skip }, async (t) => {
  const certificate = await makeCertificate(await scratch(t), 'registry');
  const user = { name: 'somebody', password: 'secret' };
  const { host } = await registry(t, { user, tls: certificate });
  const plain = await registry(t);
  await pushImage(t, `docker://${host}/team/train:7`, ['linux/amd64'], ['--dest-creds', 'somebody:secret']);
  await pushImage(t, `docker://${plain.host}/train:7`, ['linux/amd64']);

  const env = await home(t);
  delete env.MPU_PLAIN_HTTP;
  const directory = env.HOME ?? '';
  const certificates = join(directory, '.config/containers/certs.d', host);
  await mkdir(certificates, { recursive: true });
  await copyFile(certificate.certificate, join(certificates, 'ca.crt'));
  const bin = join(directory, 'bin');
  await mkdir(bin);
  // docker hands logins to its daemon, which does not know this registry.
  const programs = {
    mpu: `exec ${process.execPath} ${join(checkout, 'dist/cli.js')} "$@"`,
    docker: '[ "$1" = login ]',
  };
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, name), 0o755);
  }
  // The page tells what one needs as one needs it; a login is needed first.
  const logins = commands.filter((command) => command.includes(' login '));
  t.equal(logins.length, 2);
  for (const command of [...logins, ...commands.filter((other) => !logins.includes(other))]) {
    const line = command
      .replaceAll('registry.example', host)
      .replace('localhost:5000', plain.host)
      .replace('podman login', 'podman login --username somebody --password secret');
    const ended = await run('sh', ['-euc', line], {
      cwd: directory,
      env: { ...env, PATH: `${bin}:${env.PATH ?? ''}` },
    });
    if (!t.equal(ended.status, 0, command)) t.comment(ended.stderr);
    if (/^mpu (?:inject|eject)/.test(command)) t.match(ended.stdout, /^docker:.*\n {2}made from/);
    if (command.startsWith('mpu inspect')) t.match(ended.stdout, /: injected\n/);
  }
});

await t.test('every error in the table exists, and the other way round', async (t) => {
  const named = [...page.matchAll(/^\| (`[a-z]+-[^|]*) \| [14]/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([a-z-]+)`/g)].map(([, code]) => code),
  );
  const places = await readdir(join(checkout, 'dist/lib/registry'));
  const sources = await Promise.all(
    places
      .filter((name) => name.endsWith('.js'))
      .map((name) => readFile(join(checkout, 'dist/lib/registry', name), 'utf8')),
  );
  const thrown = [...sources.join('').matchAll(/'((?:registry|proxy|certificate)-[a-z-]+)'/g)].map(([, code]) => code);
  t.same([...new Set(named)].sort(), [...new Set(thrown)].sort());
  t.end();
});
