// SPDX-License-Identifier: GPL-2.0-only
/** Every release of nvidia-smi in every regime, without and with libmpu.so. */
import { spawnSync } from 'node:child_process';
import t from 'tap';
import { View } from './expect.js';
import { LIBMPU, noteUntested, REGIMES, runScenario, simulator, withAndWithout } from './harness.js';
import { leaks } from './outside.js';
import { fetchReleases } from './releases.js';
import { accountingSmiCommands, otherSmiCommands, smiChecks, smiCommands } from './smi.js';

await noteUntested(t);
const clients = await fetchReleases(t);
const newest = clients.at(-1)?.version;
for (const { version, smi, libraries } of clients) {
  await t.test(`nvidia-smi ${version}`, async (t) => {
    for (const regime of REGIMES) {
      const env = { LD_LIBRARY_PATH: libraries };
      const others = version === newest ? otherSmiCommands(smi, env) : [];
      const scenario = withAndWithout([...smiCommands(smi, env), ...accountingSmiCommands(smi, env), ...others]);
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

// Two GPUs would have to be in /sys/bus/pci.
await t.test('nvidia-smi topo of one GPU', (t) => {
  const client = clients.at(-1);
  const topology = (preload: string): string => {
    const command = [client?.smi ?? '', 'topo', '-m'];
    const options = ['--regime', 'R4', '--layouts', client?.version ?? ''];
    const { status, stdout, stderr } = spawnSync(simulator, [...options, '--', ...command], {
      encoding: 'utf8',
      env: { ...process.env, LD_LIBRARY_PATH: client?.libraries ?? '', LD_PRELOAD: preload },
    });
    t.equal(status, 0, `${stdout}${stderr}`);
    return stdout;
  };
  const without = topology('');
  t.match(without, /^GPU0\s+X\s/m);
  t.equal(topology(LIBMPU), without, 'the same with libmpu.so');
  t.end();
});
