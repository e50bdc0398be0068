// SPDX-License-Identifier: GPL-2.0-only
/** Which certificates a registry is checked with: those that docker and podman would check it with. */
import { readFile, readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { MpuError, errnoName, fileError, messageOf } from '../errors.js';

/** Where distributions keep their bundle of authorities (Go, crypto/x509 root_linux.go). */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errnoName(error) === 'ENOENT' || errnoName(error) === 'ENOTDIR') return undefined;
    throw fileError(error, `cannot read the certificate ${path}`);
  }
}

/** The directories of certificates for one registry, by `HOST[:PORT]` (docker and containers, certs.d). */
function directories(host: string, env: NodeJS.ProcessEnv): string[] {
  const home = env.HOME ?? homedir();
  const roots = [
    join(home, '.config', 'containers', 'certs.d'),
    '/etc/containers/certs.d',
    join(home, '.config', 'docker', 'certs.d'),
    '/etc/docker/certs.d',
  ];
  return roots.map((root) => join(root, host));
}

async function systemAuthorities(env: NodeJS.ProcessEnv): Promise<string[]> {
  const named = env.SSL_CERT_FILE ?? '';
  const authorities: string[] = [];
  for (const path of named === '' ? SYSTEM_BUNDLES : [named]) {
    const bundle = await readIfThere(path);
    if (bundle === undefined) continue;
    authorities.push(bundle);
    break;
  }
  const extra = env.NODE_EXTRA_CA_CERTS ?? '';
  if (extra !== '')
    authorities.push(
      await readFile(extra, 'utf8').catch((error: unknown) => {
        throw fileError(error, `cannot read NODE_EXTRA_CA_CERTS`);
      }),
    );
  return authorities;
}

/**
 * Trust for one registry, `HOST[:PORT]`: Node's and the system's authorities, NODE_EXTRA_CA_CERTS, and its certs.d
 * directories: `*.crt` are authorities, `NAME.cert` and `NAME.key` a certificate of the client.
 */
export async function trustFor(host: string, env: NodeJS.ProcessEnv): Promise<SecureContext> {
  const authorities = [...rootCertificates, ...(await systemAuthorities(env))];
  const client: { cert?: string; key?: string } = {};
  for (const directory of directories(host, env)) {
    for (const name of await readdir(directory).catch((): string[] => [])) {
      if (name.endsWith('.crt')) authorities.push((await readIfThere(join(directory, name))) ?? '');
      if (!name.endsWith('.cert') || client.cert !== undefined) continue;
      const pair = [name, name.replace(/cert$/, 'key')];
      const [cert, key] = await Promise.all(pair.map((file) => readIfThere(join(directory, file))));
      if (cert !== undefined && key !== undefined) Object.assign(client, { cert, key });
    }
  }
  try {
    return createSecureContext({ ca: authorities, ...client });
  } catch (error) {
    throw new MpuError({
      code: 'certificate-unusable',
      what: `cannot use the certificates for ${host}`,
      why: messageOf(error),
      next: `look for a file that is no PEM in ${directories(host, env).join(', ')}`,
      cause: error,
    });
  }
}
