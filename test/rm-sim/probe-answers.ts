// SPDX-License-Identifier: GPL-2.0-only
/** What every simulated driver answers to requests of the probe, whatever its regime. */

/** `codes`: RM statuses and errno values. */
export const CODES = {
  opened: 1,
  unknownControl: 0x56,
  wrongObject: 0x56,
  wrongSize: 0x1f,
  noParams: 0x1f,
  badParams: 0x1e,
  unknownClient: 0x23,
  unknownObject: 0x57,
  idType: 0x1f,
  serialised: 0x6a,
  serialisedUntouched: 1,
  unknownClass: 0x22,
  wrongParent: 0x36,
  noSuchParent: 0x57,
  othersFile: 0,
  freeUnknown: 0,
  controlOnGpuDevice: 22,
  controlSize: 22,
  controlPointer: 14,
  unknownEscape: 22,
  freed: 0,
  afterFree: 0x57,
} as const;

/** `files`, where one process is listed: clients live until the last descriptor of their file is closed. */
export const FILES = { duplicate: 2, inherited: true, afterChild: 2, closedClient: 0x23 } as const;
