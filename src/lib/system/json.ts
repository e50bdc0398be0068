// SPDX-License-Identifier: GPL-2.0-only
/** JSON objects of unknown content. */
import type { MpuError } from '../errors.js';

/** Any JSON object. */
export type JsonObject = Record<string, unknown>;

/** Whether a value is a JSON object, neither null nor an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parses a JSON object; `what` names it for `invalid`, which makes the error. */
export function parseJsonObject(
  data: Buffer,
  what: string,
  invalid: (why: string, cause?: unknown) => MpuError,
): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(data.toString());
  } catch (error) {
    throw invalid(`${what} is no JSON`, error);
  }
  if (!isJsonObject(value)) throw invalid(`${what} is no JSON object`);
  return value;
}
