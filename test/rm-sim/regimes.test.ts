// SPDX-License-Identifier: GPL-2.0-only
/** Every regime, asked by probes on the host, in a child and in a nested PID namespace. */
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
} from './expect.js';
import {
  cannotUnshare,
  completeFile,
  eventually,
  globalPid,
  type GpuProcess,
  hostNamespace,
  type Namespace,
  program,
  Session,
} from './session.js';

/** A release with all controls there are. */
const NEWEST = '620.70.06';

const byNumber = (a: number, b: number) => a - b;

/** Two processes on the host, two in a child namespace, one nested below that, one in a sibling. */
async function populate(session: Session, child: Namespace, nested: Namespace, sibling: Namespace) {
  return [
    await session.gpuProcess('--memory 100 --util 15 --clients 2'),
    await session.gpuProcess('--memory 200 --util 15 --thread'),
    await session.gpuProcess('--memory 300 --util 15 --clients 3 --encoder 2 --fbc 1', child),
    await session.gpuProcess('--memory 400 --util 15 --thread', child),
    await session.gpuProcess('--memory 500 --util 15', nested),
    await session.gpuProcess('--memory 600 --util 15', sibling),
  ];
}

const memoryOf = (index: number) => (index + 1) * 100;

async function checkLists(t: Test, s: Session, regime: Regime, all: GpuProcess[], ns?: Namespace) {
  const caller = ns?.identity ?? hostNamespace;
  const pids = await s.probe('pids', ns);
  t.same(pids.pids, expectedPids(regime, all, caller), 'GET_PIDS');
  t.equal(pids.unused, 0, 'nothing is written after the last number');
  t.same((await s.probe('xfer', ns)).pids, pids.pids, 'the same by XFER');
  t.same((await s.probe('pids 0xc597', ns)).pids, [], 'no graphics client');

  const wanted = all.map((process) => infoNumber(regime, process, caller)).filter((number) => number > 0);
  const info = await s.probe(`info 72 ${wanted.length + 2} ${wanted.join(' ')} 0 0xffffffff`, ns);
  const visible = all.flatMap((process, i) => (infoNumber(regime, process, caller) > 0 ? [memoryOf(i)] : []));
  t.same(
    info.entries.slice(0, -2).map((entry) => [entry.result, entry.memory]),
    visible.map((memory) => [0, memory]),
    'memory by the numbers that the driver listens to',
  );
  t.equal(info.entries.at(-2)?.result, 0x1f, 'PID 0 is refused');
  t.same(
    info.entries.at(-1),
    { pid: 0xffffffff, result: 0, memory: 0, instances: [0xffffffff, 0xffffffff] },
    'an unknown PID uses nothing',
  );
}

async function checkSamples(t: Test, s: Session, regime: Regime, all: GpuProcess[], ns?: Namespace) {
  const caller = ns?.identity ?? hostNamespace;
  const got = (await s.probe(`samples ${sampleLayout[regime]}`, ns)).samples;
  const order = (a: { pid: number }, b: { pid: number }) => a.pid - b.pid;
  t.same(
    got.map(({ pid, pointer }) => ({ pid, pointer })).sort(order),
    expectedSamples(regime, all, caller).sort(order),
    'utilization samples',
  );
  t.ok(
    got.every((sample) => sample.util === 9000),
    'six processes in turn stand for six times their share',
  );
}

async function checkSessions(t: Test, s: Session, all: GpuProcess[], ns?: Namespace) {
  const encoder = all[2]?.global;
  t.same((await s.probe('nvenc', ns)).pids, [encoder, encoder], 'encoder sessions are global');
  t.match(await s.probe('nvenc 512 1', ns), { status: 0, count: 2 }, 'only counted without a table');
  t.match(await s.probe('nvenc 100', ns), { status: 0x1f }, 'a table of another size is refused');
  t.same((await s.probe('nvenc-v2', ns)).pids, [encoder, encoder], 'and in the second form');
  t.match(await s.probe('nvenc-v2 512 0x208001a9', ns), { status: 0x56 }, 'whose number is another in 525');
  t.same((await s.probe('nvfbc', ns)).pids, [encoder], 'capture sessions are global');
  for (const request of ['hwpm', 'rcerr']) {
    const { answer, global } = await s.identifiedProbe(request, ns);
    t.equal(request === 'hwpm' ? answer.pids[0] : answer.pid, global, `${request} tells the caller's global number`);
  }
}

async function checkAccounting(
  t: Test,
  s: Session,
  regime: Regime,
  dead: GpuProcess[],
  live: GpuProcess[],
  ns?: Namespace,
) {
  const caller = ns?.identity ?? hostNamespace;
  const got = (await s.probe('accounting', ns)).pids;
  t.same([...got].sort(byNumber), expectedAccounting(regime, dead, live, caller).sort(byNumber), 'accounting PIDs');

  const own = live.at(0);
  const inside = live.at(2);
  if (!own || !inside) {
    throw new Error('no processes');
  }
  const lookedUp = regime.startsWith('R3') || regime === 'R4';
  const number = visibleNumber(regime, inside, caller);
  const asked = lookedUp && number !== 0 ? number : inside.global;
  t.match(
    await s.probe(`accounting-info ${asked}`, ns),
    // from R2 on the driver does not find the peak of processes in other namespaces
    { status: 0, pid: inside.global, util: 15, memory: regime === 'R0' || regime === 'R1' ? 300 : 0, running: true },
    'accounting record, PID overwritten with the global one',
  );
  t.match(await s.probe(`accounting-info ${own.global}`, ns), { status: 0, pid: own.global, memory: 100 });
  t.match(await s.probe('accounting-info 999999', ns), { status: 0x57 }, 'no record');

  const record = await s.probe(`accounting-info ${asked}`, ns);
  const second = await s.probe(`accounting-info ${asked} 1`, ns);
  if (s.options.includes(NEWEST)) {
    t.same(second, { ...record, count: 100, sum: 1500 }, 'the same in version 2, with the sums');
    t.match(await s.probe('accounting-info 999999 1', ns), { status: 0x57 }, 'and no record');
  } else {
    t.equal(second.status, 0x56, 'no version 2 before 610');
  }
}

const releases: [Regime, string[]][] = [
  ...regimes.map((regime): [Regime, string[]] => [regime, []]),
  ['R4', ['--layouts', NEWEST]],
];

for (const [regime, options] of releases) {
  await t.test(['regime', regime, ...options].join(' '), { skip: cannotUnshare }, async (t) => {
    const session = await Session.start(['--regime', regime, ...options]);
    const child = await session.namespace();
    const nested = await session.namespace(child);
    const sibling = await session.namespace();
    const finished = await session.gpuProcess('--memory 50');
    await session.run(`kill ${finished.global}`);
    const all = await populate(session, child, nested, sibling);
    for (const [where, ns] of Object.entries({ host: undefined, child, nested, sibling })) {
      await t.test(`asked from the ${where} namespace`, async (t) => {
        await checkLists(t, session, regime, all, ns);
        await checkSamples(t, session, regime, all, ns);
        await checkSessions(t, session, all, ns);
        await checkAccounting(t, session, regime, [finished], all, ns);
      });
    }
    await session.stop();
  });
}

for (const regime of regimes.slice(1)) {
  await t.test(`${regime} drops a process whose global PID is listed`, { skip: cannotUnshare }, async (t) => {
    const session = await Session.start(['--regime', regime]);
    const child = await session.namespace();
    const { directory } = session;
    const late = `echo $$ >${directory}/number; read go <${directory}/go; exec ${program('gpu-process')} --clients 2`;
    await session.run(`mkfifo ${directory}/go`);
    await session.run(`${session.enter(child)} sh -c '${late}' <${session.input} >${directory}/late 2>&1 9<&- &`);
    const number = Number(await eventually('the late shell', () => completeFile(`${directory}/number`)));
    const global = globalPid(child.identity, number) ?? 0;
    const setPid = `echo ${global - 1} >/proc/sys/kernel/ns_last_pid`;
    const namesake = await session.gpuProcess('', child, setPid);
    t.equal(namesake.process.at(-1), global, "a process with the late one's global number");
    await session.run(`echo >${directory}/go`);
    const dropped = await session.ready(`${directory}/late`, 2, child);
    t.equal(dropped.global, global);
    t.same((await session.probe('pids', child)).pids, [global], 'listed once, and only the namesake');
    t.same(
      (await session.probe('pids')).pids,
      [namesake.global, global],
      'both for the host, where duplicates are found out',
    );
    await session.stop();
  });
}
