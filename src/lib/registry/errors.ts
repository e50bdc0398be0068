// SPDX-License-Identifier: GPL-2.0-only
/** What can go wrong between mpu and a registry, as errors that say what to do. */
import { ExitCode, MpuError, errnoName, interruptedError, messageOf, type MpuErrorParts } from '../errors.js';

/** An error of a registry, or of the way to it. */
export class RegistryError extends MpuError {
  /** Status of the answer; undefined where there was none. */
  readonly status: number | undefined;
  /** Whether the same request may succeed when it is sent again. */
  readonly transient: boolean;
  /** Seconds that the registry wants to be left alone. */
  readonly retryAfter: number | undefined;

  /** Whether it is about what the registry keeps, and not about the registry or the way to it. */
  get isContent(): boolean {
    return this.code === 'registry-content' || this.code === 'registry-manifest-type';
  }

  constructor(parts: MpuErrorParts & { status?: number; transient?: boolean; retryAfter?: number | undefined }) {
    super(parts);
    this.status = parts.status;
    this.transient = parts.transient ?? false;
    this.retryAfter = parts.retryAfter;
  }
}

/** A registry's answer as errors need it. */
export interface Refusal {
  status: number;
  /** The beginning of its body. */
  body: string;
  retryAfter: string | undefined;
}

/** What a registry says must not reach the terminal with its control characters. */
function printable(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .trim()
    .slice(0, 500);
}

/** The messages in an error document (distribution-spec, "Error Codes"), else the text itself. */
function saidBy(body: string): string {
  let said = body;
  try {
    const { errors } = JSON.parse(body) as { errors?: { code?: unknown; message?: unknown }[] };
    if (Array.isArray(errors) && errors.length > 0) {
      said = errors
        .map(({ code, message }) => [code, message].filter((part) => typeof part === 'string').join(': '))
        .join('; ');
    }
  } catch {
    if (body.includes('<html')) said = '';
  }
  return printable(said);
}

/** Seconds in a Retry-After header (RFC 9110): a number, or a date. */
function retryAfterSeconds(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}

/** A server that speaks TLS and was asked in plain HTTP (nginx, Go). */
const WANTS_TLS = /HTTP request (?:was sent )?to (?:an )?HTTPS/i;

/**
 * The error for an answer that is no success. `what` is the sentence that says what could not be done,
 * `host` the registry as the user named it, `login` what is known of the logins that were tried.
 */
export function refusalError(
  what: string,
  host: string,
  { status, body, retryAfter }: Refusal,
  login = '',
): RegistryError {
  const said = saidBy(body);
  const answer = `${host} answered ${status}${said === '' ? '' : ` (${said})`}`;
  const because = login === '' ? answer : `${answer}; ${login}`;
  if (status === 400 && WANTS_TLS.test(body)) {
    return new RegistryError({
      code: 'registry-wants-https',
      what,
      why: `${host} speaks HTTPS and was asked in plain HTTP`,
      next: 'leave out --plain-http (MPU_PLAIN_HTTP)',
      status,
    });
  }
  switch (status) {
    case 401:
    case 403:
      return new RegistryError({
        code: status === 401 ? 'registry-login-needed' : 'registry-denied',
        what,
        why: because,
        next: `docker login ${host}, or podman login ${host}, as somebody who may do that`,
        exitCode: ExitCode.permission,
        status,
      });
    case 404:
      return new RegistryError({
        code: 'registry-not-found',
        what,
        why: because,
        next: 'check the name and the tag: skopeo list-tags docker://HOST/NAME',
        status,
      });
    case 413:
      return new RegistryError({
        code: 'registry-too-large',
        what,
        why: answer,
        next: 'raise the limit of the request size on the registry, or on the proxy before it',
        status,
      });
    case 429:
      return new RegistryError({
        code: 'registry-rate-limit',
        what,
        why: `${because}${retryAfter === undefined ? '' : `, Retry-After: ${printable(retryAfter)}`}`,
        next: 'wait, or log in: limits are higher with a login',
        status,
        transient: true,
        retryAfter: retryAfterSeconds(retryAfter),
      });
    default:
      return new RegistryError({
        code: status >= 500 ? 'registry-failed' : 'registry-refused',
        what,
        why: because,
        next: status >= 500 ? 'run it again later' : 'see the log of the registry',
        status,
        transient: status >= 500 && status !== 501,
        retryAfter: retryAfterSeconds(retryAfter),
      });
  }
}

/** What a registry gave contradicts its digest, its size or the protocol. */
export function contentError(
  what: string,
  why: string,
  more: { transient?: boolean; cause?: unknown } = {},
): RegistryError {
  const next = 'check the registry and what lies between: it gave wrong data';
  return new RegistryError({ code: 'registry-content', what, why, next, ...more });
}

/** OpenSSL's words for an answer that is no TLS. */
const NOT_TLS = ['EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'ERR_SSL_HTTP_REQUEST'];
/** Verification results of OpenSSL (tls, "X509 certificate error codes"), and Node's own for a wrong name. */
const CERTIFICATE = /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_CA|ERR_TLS_CERT)/;
/** TLS alerts of a server that wants to know who its client is. */
const CLIENT_CERTIFICATE = /^ERR_SSL_.*_ALERT_(?:BAD_CERTIFICATE|CERTIFICATE_REQUIRED|CERTIFICATE_UNKNOWN|UNKNOWN_CA)$/;
/** Connections that broke; others may not. A parser error (HPE_) is an answer cut short. */
const BROKEN = /^(?:ECONNRESET|EPIPE|ETIMEDOUT|EAI_AGAIN|ECONNABORTED|HPE_|ERR_STREAM_PREMATURE_CLOSE)/;

/** The error for a request that got no answer, or none whole. An MpuError passes through. */
export function connectionError(error: unknown, what: string, host: string, signal?: AbortSignal): MpuError {
  if (signal?.aborted === true) return interruptedError(signal);
  if (error instanceof MpuError) return error;
  const name = errnoName(error) ?? '';
  if (NOT_TLS.includes(name)) {
    return new RegistryError({
      code: 'registry-no-tls',
      what,
      why: `${host} does not speak TLS`,
      next: 'if it is to be asked without encryption, say so: --plain-http (MPU_PLAIN_HTTP=1)',
      cause: error,
    });
  }
  if (CERTIFICATE.test(name)) {
    return new RegistryError({
      code: 'registry-certificate',
      what,
      why: `the certificate of ${host} cannot be trusted: ${messageOf(error)}`,
      next: `put the certificate of its authority into /etc/docker/certs.d/${host}/ca.crt, or name it in NODE_EXTRA_CA_CERTS`,
      cause: error,
    });
  }
  if (CLIENT_CERTIFICATE.test(name)) {
    return new RegistryError({
      code: 'registry-client-certificate',
      what,
      why: `${host} lets in only clients with a certificate that it knows`,
      next: `put it into /etc/docker/certs.d/${host}: client.cert, and client.key`,
      exitCode: ExitCode.permission,
      cause: error,
    });
  }
  const transient = BROKEN.test(name);
  return new RegistryError({
    code: transient ? 'registry-connection-lost' : 'registry-unreachable',
    what,
    why: `${host}: ${messageOf(error)}`,
    next: transient ? 'run it again' : 'check the name of the registry and the network',
    transient,
    cause: error,
  });
}
