// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { MpuError } from '#mpu/lib/errors.js';
import { Host } from '#mpu/lib/system/host.js';
import { loadModule, unloadModule } from '#mpu/lib/module/load.js';
import { sourceVersion } from '#mpu/lib/module/source.js';
import type { ModuleState } from '#mpu/lib/translator.js';

await t.test('a module that answers', async (t) => {
  const root = t.testdir({
    proc: {
      modules: 'mpu 16384 0 - Live 0x0 (OE)\n',
      sys: { kernel: { osrelease: '6.1.0-9-amd64\n' } },
      self: { status: 'CapEff:\t0\n' },
    },
    sys: { kernel: {}, module: { mpu: { version: '0.1.0\n' } } },
  });
  const host = await Host.open({ root });
  const state: ModuleState = {
    version: await sourceVersion(),
    abi: 1,
    features: ['translate'],
    maxPids: 4096,
    intercept: 'absent',
    generation: '1',
  };
  t.match(
    await loadModule(host, { query: () => Promise.resolve(state) }),
    { outcome: 'unchanged', module: state },
    'needs no privilege',
  );
  await t.rejects(loadModule(host, { query: () => Promise.resolve({ ...state, version: '0.0.1' }) }), {
    code: 'permission-denied',
    exitCode: 4,
  });
  await t.rejects(unloadModule(host, { query: () => Promise.resolve(state) }), {
    code: 'permission-denied',
    exitCode: 4,
  });
  const noAddon = new MpuError({ code: 'addon-missing', what: 'x', why: 'y', next: 'z' });
  await t.rejects(
    unloadModule(host, { query: () => Promise.reject(noAddon) }),
    { code: 'permission-denied' },
    'told by its version',
  );
});
