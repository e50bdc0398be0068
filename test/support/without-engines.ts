// SPDX-License-Identifier: GPL-2.0-only
/** A machine on which no container engine is installed. */

/** Runs `work` with a PATH in which there is nothing; restores it afterwards. */
export async function withoutEngines(directory: string, work: () => Promise<unknown>): Promise<void> {
  const before = process.env.PATH;
  process.env.PATH = directory;
  try {
    await work();
  } finally {
    process.env.PATH = before;
  }
}
