// SPDX-License-Identifier: GPL-2.0-only
/** The releases of NVIDIA's clients that are tested. */
import type { Test } from 'tap';
import { MpuError } from '#mpu/lib/errors.js';
import { fetchNvidiaClients, type NvidiaClient } from '#mpu/lib/nvidia-clients/nvidia-clients.js';
import { CACHE } from './harness.js';

const RELEASES = ['418.226', '470.256', '525.147', '535.261', '550.163', '555.58'];

/**
 * The releases, downloaded unless they are cached. One that this machine's package sources do not
 * have (they are Debian's) is reported as skipped; failing to download one is an error.
 */
export async function fetchReleases(t: Test): Promise<NvidiaClient[]> {
  try {
    return await fetchNvidiaClients(CACHE, RELEASES);
  } catch (error) {
    if (!(error instanceof MpuError) || error.code !== 'no-nvidia-client') throw error;
  }
  const clients: NvidiaClient[] = [];
  for (const release of RELEASES) {
    try {
      clients.push(...(await fetchNvidiaClients(CACHE, [release])));
    } catch (error) {
      if (!(error instanceof MpuError) || error.code !== 'no-nvidia-client') throw error;
      await t.test(`nvidia-smi ${release}`, { skip: error.message }, () => undefined);
    }
  }
  return clients;
}
