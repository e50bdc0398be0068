// SPDX-License-Identifier: GPL-2.0-only
/** JSON that holds passwords and tokens. */

/** What the text says; undefined when it is no JSON: the parser's own error would show a piece of it. */
export function parseSecret(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
