// SPDX-License-Identifier: GPL-2.0-only
/**
 * rm-regime makes a driver of today answer as older ones did. Here it stands on the simulated one, and what comes
 * out must be what the simulation of that older driver, and expect.ts, say.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import {
  expectedAccounting,
  expectedPids,
  expectedSamples,
  infoNumber,
  type Regime,
  regimes,
  sampleLayout,
  visibleNumber,
} from '../rm-sim/expect.js';
import { cannotUnshare, type GpuProcess, hostNamespace, type Namespace, Session } from '../rm-sim/session.js';

const program = join(dirname(fileURLToPath(import.meta.url)), 'rm-regime');
const missing = process.arch === 'x64' ? cannotUnshare : 'LOUD SKIP: not tested, rm-regime is made for x86-64 alone';
const TODAY = '580.95.05';

/** Options of rm-sim, the last of which start rm-regime in it. */
const below = (regime: Regime, log: string): string[] => [
  '--regime',
  'R4',
  '--driver',
  TODAY,
  '--',
  program,
  '--regime',
  regime,
  '--log',
  log,
];

const byNumber = (a: number, b: number) => a - b;
const byPid = (a: { pid: number }, b: { pid: number }) => a.pid - b.pid;
const memoryOf = (index: number) => (index + 1) * 100;

async function populate(session: Session, child: Namespace, nested: Namespace, sibling: Namespace) {
  return [
    await session.gpuProcess('--memory 100 --util 15 --clients 2'),
    await session.gpuProcess('--memory 200 --util 15 --thread'),
    await session.gpuProcess('--memory 300 --util 15 --clients 3', child),
    await session.gpuProcess('--memory 400 --util 15 --thread', child),
    await session.gpuProcess('--memory 500 --util 15', nested),
    await session.gpuProcess('--memory 600 --util 15', sibling),
  ];
}

async function check(t: Test, s: Session, regime: Regime, all: GpuProcess[], dead: GpuProcess[], ns?: Namespace) {
  const caller = ns?.identity ?? hostNamespace;
  t.same((await s.probe('pids', ns)).pids, expectedPids(regime, all, caller), 'GET_PIDS');
  t.same((await s.probe('pids 0xc597', ns)).pids, [], 'no graphics client');

  const numbers = all.map((process) => infoNumber(regime, process, caller));
  const wanted = numbers.filter((number) => number > 0);
  const { entries } = await s.probe(`info 72 ${wanted.length + 2} ${wanted.join(' ')} 0 0xffffffff`, ns);
  t.same(
    entries.slice(0, -2).map((entry) => [entry.pid, entry.result, entry.memory]),
    numbers.flatMap((number, i) => (number > 0 ? [[number, 0, memoryOf(i)]] : [])),
    'memory by the numbers that this regime listens to',
  );
  t.equal(entries.at(-2)?.result, 0x1f, 'PID 0 is refused');
  t.match(entries.at(-1), { pid: 0xffffffff, result: 0, memory: 0 }, 'an unknown PID uses nothing');

  const { samples } = await s.probe(`samples ${sampleLayout[regime]}`, ns);
  t.same(
    samples.map(({ pid, pointer }) => ({ pid, pointer })).sort(byPid),
    expectedSamples(regime, all, caller).sort(byPid),
    'utilization samples',
  );
  const other = regime.startsWith('R3') || regime === 'R4' ? '50704 72 704' : '55888 72 776';
  t.equal((await s.probe(`samples ${other}`, ns)).status, 0x1f, 'and no others');

  const { pids } = await s.probe('accounting', ns);
  t.same([...pids].sort(byNumber), expectedAccounting(regime, dead, all, caller).sort(byNumber), 'accounting PIDs');
  const [, , inside] = all;
  const lookedUp = regime.startsWith('R3') || regime === 'R4';
  const number = inside && lookedUp ? visibleNumber(regime, inside, caller) : 0;
  t.match(
    await s.probe(`accounting-info ${number || inside?.global}`, ns),
    { status: 0, pid: inside?.global, running: true },
    'accounting record',
  );
}

for (const regime of regimes) {
  await t.test(`a driver of today made ${regime}`, { skip: missing }, async (t) => {
    const log = join(t.testdir(), 'log');
    const session = await Session.start(below(regime, log));
    const child = await session.namespace();
    const nested = await session.namespace(child);
    const sibling = await session.namespace();
    const finished = await session.gpuProcess('--memory 50');
    await session.run(`kill ${finished.global}`);
    const all = await populate(session, child, nested, sibling);
    for (const [where, ns] of Object.entries({ host: undefined, child, nested, sibling })) {
      await t.test(`asked from the ${where} namespace`, async (t) => {
        await check(t, session, regime, all, [finished], ns);
      });
    }
    t.equal(readFileSync(log, 'utf8'), '', 'nothing that the driver lists is unknown to rm-regime');
    t.equal(await session.stop(3), 3, "the command's exit status");
  });
}
