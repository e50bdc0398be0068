// SPDX-License-Identifier: GPL-2.0-only
/** A login to a registry, and the JSON that holds it. */

/** How somebody is known to a registry. */
export type Login =
  | { kind: 'password'; username: string; password: string }
  /** An OAuth2 refresh token. */
  | { kind: 'identity'; token: string }
  /** A token that is used as it is. */
  | { kind: 'token'; token: string };

/** Parses JSON; undefined for other text. The parser's own error would show a piece of a password or token. */
export function parseSecret(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
