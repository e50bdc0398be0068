// SPDX-License-Identifier: GPL-2.0-only
/** The test of one kernel: nvidia-smi in a container there, with libmpu.so and mpu.ko, and without. */
import t, { type Test } from 'tap';
import { fetchNvidiaClients } from '#mpu/lib/nvidia-clients/nvidia-clients.js';
import { CACHE, LIBMPU } from '../../nvidia-clients/harness.js';
import { lacking } from '../../support/engines.js';
import { kernelOf, type Kernel, type Series } from './kernels.js';
import { IN_GUEST, playInGuest } from './play-in-guest.js';
import { checkSmiPlay, REGIMES_SHOWN, RELEASES, smiCommandsInGuest, smiPlay } from './smi-plays.js';

const LIBMPU_IN_GUEST = '/usr/lib/mpu/libmpu.so';
/** Milliseconds for one kernel, slow downloads included. */
const LIMIT = 850_000;

/** Plays nvidia-smi in containers on a kernel, with libmpu.so and mpu.ko, and without. */
export async function checkClients(t: Test, kernel: Kernel): Promise<void> {
  const clients = await fetchNvidiaClients(CACHE, RELEASES);
  const commands = smiCommandsInGuest(clients);
  const preloaded = commands.map((command) => ({ ...command, preload: LIBMPU_IN_GUEST }));
  const withoutModule = [smiPlay('R0', preloaded, 'R0, no mpu.ko')];
  const withModule = REGIMES_SHOWN.map((regime) => smiPlay(regime, [...commands, ...preloaded]));
  const plays = await playInGuest(kernel, { module: [IN_GUEST.module], withoutModule, withModule }, clients, {
    [LIBMPU_IN_GUEST]: LIBMPU,
  });
  t.same(plays.warnings, [], 'the modules build without warnings');
  for (const { name, ok } of plays.guest.cases) t.ok(ok, name);
  if (!t.ok(plays.guest.finished, 'the guest ended by its own will')) t.comment(plays.guest.ending);
  // libmpu.so finds no other way to translate there than mpu.ko: what it cannot ask, it leaves alone.
  for (const play of withoutModule) {
    await t.test(play.name, async (t) => checkSmiPlay(t, play, plays, () => false));
  }
  for (const play of withModule) {
    await t.test(play.name, async (t) => {
      await checkSmiPlay(t, play, plays, (preloaded) => preloaded);
      const { counters } = plays.outcomes.find(({ name }) => name === play.name) ?? {};
      t.ok((counters?.requests ?? 0) > 0, 'mpu.ko was asked', { counters });
    });
  }
}

/** Defines and runs the test of a kernel. Downloads the kernel and the clients when they are not in the cache. */
export async function testClients(series: Series): Promise<void> {
  const skip = await lacking(['qemu-system-x86_64', 'make', 'gcc', 'insmod', 'setpriv', 'cpio']);
  t.setTimeout(LIMIT);
  await t.test(`nvidia-smi on Linux ${series}`, { skip, timeout: LIMIT }, async (t) =>
    checkClients(t, await kernelOf(series)),
  );
}
