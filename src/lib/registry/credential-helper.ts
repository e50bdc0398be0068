// SPDX-License-Identifier: GPL-2.0-only
/** Programs that keep passwords for docker and podman (docker-credential-helpers). */
import { isJsonObject } from '../system/json.js';
import { runProcess } from '../system/run-process.js';
import { type Login, parseSecret } from './login.js';

/** User name that stands for: the secret is an identity token. */
const IDENTITY_TOKEN_USER = '<token>';
/** The program then prints this and fails. */
const NOT_FOUND = /credentials not found/i;

/**
 * Asks `docker-credential-NAME` for the login of a server; undefined when it has none. Rejects when there is no
 * such program, or it fails.
 */
export async function askHelper(
  name: string,
  server: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<Login | undefined> {
  const program = `docker-credential-${name}`;
  if (!/^[\w.-]+$/.test(name)) throw new TypeError(`${JSON.stringify(program)} is no name of a program`);
  const { status, stdout, stderr } = await runProcess(program, ['get'], { stdin: Buffer.from(server), env, signal });
  if (status !== 0) {
    if (NOT_FOUND.test(`${stdout.toString()}${stderr}`)) return undefined;
    // Its stdout is for secrets.
    throw new Error(`${program} failed: ${stderr.trim() || `status ${status}`}`);
  }
  const answer = parseSecret(stdout.toString());
  if (!isJsonObject(answer) || typeof answer.Username !== 'string' || typeof answer.Secret !== 'string') {
    throw new TypeError(`${program} gave no user name and secret`);
  }
  if (answer.Username === IDENTITY_TOKEN_USER) return { kind: 'identity', token: answer.Secret };
  if (answer.Username === '' && answer.Secret === '') return undefined;
  return { kind: 'password', username: answer.Username, password: answer.Secret };
}
