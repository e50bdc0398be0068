// SPDX-License-Identifier: GPL-2.0-only
/** The supervisor: what clients see of files, errors and statuses, and that nothing they do stops it. */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { sampleLayout } from './expect.js';
import { CODES, FILES } from './probe-answers.js';
import { cannotUnshare, hostNamespace, globalPid, program, Session } from './session.js';

const noI386 = existsSync(program('probe-i386'))
  ? false
  : 'LOUD SKIP: 32-bit programs not tested, install libc6-dev-i386 and build again';

const probes = [
  { name: 'probe', skip: false as const },
  { name: 'probe-i386', skip: noI386 },
];

const device = (major: number, minor: number) => ({ result: 0, device: true, major, minor });

for (const { name, skip } of probes) {
  await t.test(`errors and files, seen by ${name}`, { skip }, async (t) => {
    const session = await Session.start(['--regime', 'R1']);
    const process = await session.gpuProcess('--memory 70 --encoder 1');
    t.match(await session.probe('codes', undefined, name), CODES, 'RM statuses and errno values');
    t.match(
      await session.probe('stat </dev/zero', undefined, name),
      {
        path: device(195, 255),
        link: device(195, 0),
        control: device(195, 255),
        gpu: device(195, 0),
        uvm: { device: true, minor: 0 },
        statx: { ...device(195, 255), result: 0 },
        pipe: false,
        access: 0,
        absent: 2,
      },
      'character devices 195:255 and 195:0',
    );
    t.match(
      await session.probe('files', undefined, name),
      FILES,
      'clients live until the last descriptor of their file is closed',
    );
    t.same((await session.probe('pids', undefined, name)).pids, [process.global]);
    t.same((await session.probe('nvenc', undefined, name)).pids, [process.global], 'table by pointer');
    t.equal((await session.probe('xfer 2', undefined, name)).status, 0xffff0000, 'one XFER wrapper at most');
    t.match(await session.probe(`samples ${sampleLayout.R1}`, undefined, name), { status: 0 });
    await session.stop();
  });
}

await t.test('parameter sizes of other releases are refused', async (t) => {
  const sizes = {
    '418.226.00': { samples: '24 100 472 0x20802083', info: 40 },
    '470.256.02': { samples: '24 100 472 0x20802083', info: 48 },
    '515.76': { samples: '47216 100 472', info: 72 },
    '525.147.05': { samples: '34000 72 472', info: 72 },
    '550.163.01': { samples: '50704 72 704', info: 72 },
    '580.95.05': { samples: '55888 72 776', info: 72 },
  };
  for (const driver of Object.keys(sizes)) {
    const session = await Session.start(['--driver', driver]);
    for (const [other, { samples, info }] of Object.entries(sizes)) {
      const same = sizes[driver as keyof typeof sizes];
      if (!samples.startsWith('24 ')) {
        const old = same.samples.startsWith('24 ') ? 0x56 : 0x1f;
        const answer = await session.probe(`samples ${samples}`);
        t.equal(answer.status, samples === same.samples ? 0 : old, `${driver}: samples of ${other}`);
      }
      if (info !== 40 && same.info !== 40) {
        const answer = await session.probe(`info ${info} 1 1`);
        t.equal(answer.status, info === same.info ? 0 : 0x1f, `${driver}: PID_INFO of ${other}`);
      }
    }
    await session.stop();
  }
});

await t.test('older forms: on the device object, samples and PIDs by pointer', async (t) => {
  const session = await Session.start(['--driver', '418.226.00']);
  const process = await session.gpuProcess('--memory 80 --util 30');
  t.same((await session.probe('pids 0xc5c0 0 0x00800202')).pids, [process.global]);
  t.match((await session.probe(`info 40 1 ${process.global}`)).entries, [{ result: 0, memory: 80 }]);
  t.match((await session.probe('samples 24 100 472 0x20802083')).samples, [{ pid: process.global, util: 3000 }]);
  await session.stop();
});

await t.test('several GPUs', async (t) => {
  const session = await Session.start(['--gpus', '3']);
  const second = await session.gpuProcess('--gpu 1 --class graphics');
  t.same((await session.probe('--gpu 1 pids 0xc597')).pids, [second.global]);
  t.same((await session.probe('--gpu 1 pids')).pids, [], 'no compute client');
  t.same((await session.probe('--gpu 0 pids 0xc597')).pids, [], 'nor on another GPU');
  const mps = await session.gpuProcess('--gpu 2 --class mps');
  t.same((await session.probe('--gpu 2 pids 0x900e')).pids, [mps.global], 'MPS client');
  t.equal((await session.run(`${program('probe')} --gpu 3 pids`)).code, 1, 'there is no fourth');
  await session.stop();
});

await t.test('clients of the kernel keep the global number', { skip: cannotUnshare }, async (t) => {
  const session = await Session.start(['--regime', 'R4']);
  const child = await session.namespace();
  const process = await session.gpuProcess('--memory 10 --kernel-client 90', child);
  const own = process.process.at(-1) ?? 0;
  t.same((await session.probe('pids', child)).pids, [own, process.global], 'listed by the global one');
  t.match((await session.probe(`info 72 2 ${own} ${process.global}`, child)).entries, [{ memory: 10 }, { memory: 90 }]);
  await session.stop();
});

await t.test('accounting switched off', async (t) => {
  const session = await Session.start(['--accounting', 'off']);
  await session.gpuProcess('');
  t.same((await session.probe('accounting')).pids, []);
  await session.stop();
  const on = await Session.start([]);
  await on.gpuProcess('--no-accounting');
  t.same((await on.probe('accounting')).pids, [], 'or for one process');
  const counted = await on.gpuProcess('');
  await on.run(`kill ${counted.global}; while kill -0 ${counted.global}; do :; done`);
  t.same((await on.probe('accounting')).pids, [counted.global], 'records outlive their process');
  t.match(await on.probe(`accounting-info ${counted.global}`), { status: 0, running: false });
  await on.stop();
});

await t.test('a thread that has ended leaves its number behind', async (t) => {
  const session = await Session.start(['--regime', 'R1']);
  const process = await session.gpuProcess('--thread-exits');
  const { pids } = await session.probe('pids');
  t.not(pids[0], process.global, 'not that of the process');
  t.notOk(existsSync(`/proc/${process.global}/task/${pids[0] ?? 0}`), 'and no task has it');
  await session.stop();
});

await t.test('version files', async (t) => {
  const session = await Session.start(['--driver', '550.163.01']);
  t.equal((await session.run('cat /sys/module/nvidia/version')).output, '550.163.01\n');
  t.match(
    (await session.run('cat /proc/driver/nvidia/version')).output,
    /Kernel Module for x86_64 {2}550\.163\.01 {2}Rel/,
  );
  t.equal((await session.run('test -r /sys/module/nvidia/version')).code, 0);
  await session.stop();
  const without = await Session.start(['--no-version-file']);
  t.equal((await without.run('test -e /sys/module/nvidia/version')).code, 1);
  t.not((await without.run('cat /sys/module/nvidia/version')).code, 0);
  await without.stop();
});

await t.test('exit status and signals', (t) => {
  const run = (script: string) => spawnSync(program('rm-sim'), ['--', 'sh', '-c', script]);
  t.equal(run('exit 7').status, 7);
  t.equal(run('kill -KILL $$').status, 137);
  t.equal(run('kill -TERM $PPID; sleep 5').status, 143, 'SIGTERM is passed on');
  t.equal(run('trap "exit 3" INT; kill -INT $PPID; while :; do sleep 0.05; done').status, 3, 'and SIGINT');
  t.equal(spawnSync(program('rm-sim'), ['--', '/nowhere']).status, 127);
  t.equal(spawnSync(program('rm-sim'), ['--regime', 'R9', '--', 'true']).status, 2);
  t.equal(spawnSync(program('rm-sim'), []).status, 2);
  t.end();
});

await t.test('an unprivileged user', { skip: cannotUnshare }, (t) => {
  const user = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', 'sh', '-c'];
  // The checkout may lie where that user cannot go.
  const place = mkdtempSync(join(tmpdir(), 'rm-sim-'));
  t.teardown(() => {
    rmSync(place, { recursive: true });
  });
  chmodSync(place, 0o755);
  for (const name of ['rm-sim', 'probe']) copyFileSync(program(name), join(place, name));
  const script = `cd ${place} && exec ./rm-sim -- sh -c './probe pids 0x2080; ./probe rcerr 0'`;
  const result = spawnSync(user[0] ?? '', [...user.slice(1), script], { encoding: 'utf8' });
  t.equal(result.status, 0, result.stderr);
  const lines = result.stdout.split('\n');
  t.match(JSON.parse(lines[0] ?? ''), { status: 0, count: 1 });
  t.match(JSON.parse(lines[1] ?? ''), { status: 0x1b }, "others' error reports are for administrators");
  t.end();
});

await t.test('rm-sim in a PID namespace of its own', { skip: cannotUnshare }, (t) => {
  const inside = (...options: string[]) =>
    spawnSync(
      'unshare',
      ['--pid', '--fork', '--kill-child', ...options, program('rm-sim'), '--', program('probe'), 'rcerr'],
      {
        encoding: 'utf8',
      },
    );
  t.match(JSON.parse(inside('--mount-proc').stdout), { status: 0, pid: 2 }, 'is the initial one for the driver');
  t.match(inside().stderr, /mount it, e\.g\. with unshare --mount-proc/, 'needs its own /proc');
  t.end();
});

await t.test('clients killed in the middle of a call', async (t) => {
  const session = await Session.start([]);
  const script = `for i in $(seq 100); do ${program('probe')} spin & p=$!; sleep 0.00$((i % 9)); kill -9 $p; wait $p; done`;
  await session.run(`(${script}) >/dev/null 2>&1`);
  t.equal((await session.probe('pids 0x2080')).count, 1, 'none of their clients is left');
  const stopped = `${program('probe')} spin & p=$!; for i in $(seq 200); do kill -STOP $p; kill -CONT $p; done; kill $p; wait $p`;
  await session.run(`(${stopped}) >/dev/null 2>&1`);
  t.equal((await session.probe('pids 0x2080')).count, 1, 'nor after many signals');
  await session.stop();
});

await t.test('200 processes at once', async (t) => {
  const session = await Session.start([]);
  const { output } = await session.run(
    `for i in $(seq 200); do ${program('probe')} pids 0x2080 >${session.directory}/n$i & done; wait; cat ${session.directory}/n* | wc -l`,
  );
  t.equal(Number(output), 200);
  t.match(JSON.parse(readFileSync(`${session.directory}/n200`, 'utf8')), { status: 0 });
  t.equal((await session.probe('pids 0x2080')).count, 1);
  t.equal(globalPid(hostNamespace, session.supervisor), session.supervisor, 'the supervisor is alive');
  await session.stop();
});

await t.test('950 PIDs are the most that are listed', async (t) => {
  const session = await Session.start([]);
  await session.run(
    `(for i in $(seq 960); do ${program('gpu-process')} <stdin >n$i 9<&- & done); while [ $(cat n* | wc -l) -lt 960 ]; do sleep 0.2; done`,
  );
  const answer = await session.probe('pids');
  t.equal(answer.count, 950);
  t.equal(new Set(answer.pids).size, 950, 'all different');
  await session.stop();
});
