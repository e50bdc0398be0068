// SPDX-License-Identifier: GPL-2.0-only
/** Every release of nvidia-smi in every regime, without and with libmpu.so. */
import t from 'tap';
import { View } from './expect.js';
import { noteUntested, REGIMES, runScenario, withAndWithout } from './harness.js';
import { leaks } from './outside.js';
import { fetchReleases } from './releases.js';
import { smiChecks, smiCommands } from './smi.js';

await noteUntested(t);
const clients = await fetchReleases(t);
for (const { version, smi, libraries } of clients) {
  await t.test(`nvidia-smi ${version}`, async (t) => {
    for (const regime of REGIMES) {
      const scenario = withAndWithout(smiCommands(smi, { LD_LIBRARY_PATH: libraries }));
      const { processes, results } = await runScenario(regime, version, scenario);
      for (const { label, preloaded, status, stdout, stderr } of results) {
        await t.test(`${regime} ${preloaded ? 'with' : 'without'} libmpu.so: ${label}`, (t) => {
          t.equal(status, 0, 'exit status', { stdout, stderr });
          smiChecks[label]?.(t, stdout, new View(regime, preloaded, processes), version);
          if (preloaded) t.same(leaks(stdout, processes), [], 'nothing of the outside', { output: stdout });
          t.end();
        });
      }
    }
  });
}
