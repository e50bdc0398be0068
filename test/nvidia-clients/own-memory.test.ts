// SPDX-License-Identifier: GPL-2.0-only
/** examples/own_gpu_memory.py in a process of container A that uses the GPU, in every regime, without and with libmpu.so. */
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '#mpu/lib/package/root.js';
import { fetchPythonClients } from '../support/python-clients.js';
import { CACHE, noteUntested, pythonProgram, type Regime, REGIMES, runScenario, withAndWithout } from './harness.js';
import { fetchReleases } from './releases.js';

const MIB = 1733;

/** What the process is told without libmpu.so: null where its PID is not listed. */
const TOLD: Record<Regime, number | null> = { R0: null, R1: 0, R2: MIB, R3a: MIB, R3b: MIB, R4: MIB };

await noteUntested(t);
const client = (await fetchReleases(t)).at(-1);
if (client === undefined) throw new Error('no release of NVML to use');
const env = {
  LD_LIBRARY_PATH: client.libraries,
  PYTHONPATH: await fetchPythonClients(CACHE),
  PYTHONDONTWRITEBYTECODE: '1',
};
const argv = ['python3', pythonProgram('own_memory.py'), join(packageRoot, 'examples'), String(MIB)];

for (const regime of REGIMES) {
  await t.test(regime, async (t) => {
    const { results } = await runScenario(regime, client.version, withAndWithout([{ label: 'own', argv, env }]));
    t.ok(results.length > 0);
    for (const { preloaded, status, stdout, stderr } of results) {
      const told = preloaded ? MIB : TOLD[regime];
      const [pid = '', answer = ''] = stdout.split('\n');
      const what = `${preloaded ? 'with' : 'without'} libmpu.so: ${answer}`;
      t.equal(status, told === MIB ? 0 : 1, what, { stderr });
      const wanted =
        told === null
          ? `this process, PID ${pid}, is in no GPU's list: do not trust figures per process here`
          : told === 0
            ? `GPU 0: the memory of this process, PID ${pid}, is not known here`
            : `GPU 0: ${told} MiB of it is mine`;
      t.equal(answer, wanted, what);
    }
  });
}
