// SPDX-License-Identifier: GPL-2.0-only
/** `mpu doctor` on hosts and in containers that are right, and wrong in one way each. */
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { isOnHost } from '#mpu/lib/containers/processes.js';
import { checkout, mpu, run, type Ended } from '../support/mpu.js';
import { LIBMPU } from '../nvidia-clients/harness.js';
import { matchesGolden } from './golden.js';
import { IMAGE, INJECTED, Machine, noContainers, World } from './gpu-host.js';

interface Result {
  id: string;
  title: string;
  verdict: string;
  why: string;
  next?: string;
}

interface Document {
  schemaVersion: number;
  ok: boolean;
  place: string;
  container?: string;
  driver: { release: string; flavour: string; regime: string; needsMpu: boolean } | null;
  checks: Result[];
  summary: string;
}

/** What a check has to say; the others are not looked at. */
type Expected = Record<string, { verdict: string; why?: RegExp; next?: RegExp }>;

function document(t: Test, ended: Ended): Document {
  t.equal(ended.stderr, '', 'nothing on stderr');
  const parsed = JSON.parse(ended.stdout) as Document;
  const fails = parsed.checks.filter(({ verdict }) => verdict === 'fail');
  t.equal(ended.status, fails.length === 0 ? 0 : 1, 'the exit status is that of the checks');
  t.match(parsed, { schemaVersion: 1, command: 'doctor', ok: fails.length === 0 });
  for (const { id, why, next } of fails) t.ok(why.length > 10 && (next ?? '').length > 5, `${id}: why, and what next`);
  return parsed;
}

function checkResults(t: Test, { checks }: Document, expected: Expected): void {
  for (const [id, wanted] of Object.entries(expected)) {
    const found = checks.find((each) => each.id === id);
    t.match(found, wanted, id, { found });
  }
}

/** The text without what depends on the machine that the tests run on. */
function normalised(text: string, machine: Machine, container = ''): string {
  const DEPENDS =
    /^(ok|info|warn|fail) +(kernel|signatures|headers, compiler|DKMS|container runtimes|NVIDIA toolkit|CDI devices) .*\n( +next: .*\n)?/gm;
  return text
    .replace(DEPENDS, '')
    .replace(/on the host: .*?; then run/, 'on the host: ...; then run')
    .replaceAll(machine.pidns, 'PIDNS')
    .replaceAll(container, 'NAME')
    .replace(/PID \d+(?= is|, is| with)|\(PID \d+\)|is \d+(?= on the host)/g, (found) => found.replace(/\d+/, 'N'))
    .replace(/(libmpu\.so +)\d[\d.]+\d/, '$1VERSION');
}

/** What to do about a missing file, with systemd and without. */
const MOUNTING = /mpu pidns enable|systemctl .*mpu-pidns/;

const name = (kind: string): string => `${kind}-doctor-${process.pid}`;

await t.test('hosts and containers', { skip: noContainers, timeout: 600_000 }, async (t) => {
  const machine = await Machine.start();
  t.teardown(() => machine.stop());
  const world = await World.start(machine, 'R1');
  t.teardown(() => world.stop());

  await t.test('a host on which all is well', async (t) => {
    const ended = await world.mpu(['doctor']);
    t.match(ended, { status: 0, stderr: '' });
    matchesGolden(t, 'doctor-host', normalised(ended.stdout, machine, ' '.repeat(99)));
    const found = document(t, await world.mpu(['doctor', '--json']));
    t.match(found, { place: 'host', driver: { release: '535.261.03', flavour: 'open', regime: 'R1', needsMpu: true } });
    checkResults(t, found, {
      proof: { verdict: 'ok', why: /PID 1 is \d+ on the host and back, as in \/proc, by the namespace file/ },
    });
  });

  await t.test('a host without the namespace file', async (t) => {
    if (!isOnHost()) t.comment('NOT TESTED in full: this machine is a container');
    const directory = t.testdir({ file: '', directory: {} });
    const places = {
      absent: join(directory, 'absent'),
      ordinary: join(directory, 'file'),
      directory: join(directory, 'directory'),
    };
    const words = { absent: /is not there/, ordinary: /nothing is mounted on it/, directory: /docker makes one/ };
    for (const [state, path] of isOnHost() ? Object.entries(places) : []) {
      const found = document(t, await world.mpu(['doctor', '--json'], `env MPU_PIDNS=${path}`));
      checkResults(t, found, {
        pidns: { verdict: 'info', why: words[state as keyof typeof words], next: MOUNTING },
        proof: { verdict: 'fail', why: /nobody translates for containers/, next: MOUNTING },
      });
      t.match(found.summary, /not shown the right/);
    }
  });

  await t.test('a driver that does not answer', async (t) => {
    const bin = t.testdir();
    await writeFile(
      join(bin, 'nvidia-smi'),
      '#!/bin/sh\necho "Failed to initialize NVML: Driver/library version mismatch"\nexit 18\n',
      { mode: 0o755 },
    );
    const found = document(t, await world.mpu(['doctor', '--json'], `env PATH=${bin}:$PATH`));
    checkResults(t, found, { gpu: { verdict: 'fail', why: /version mismatch/, next: /reboot/ } });
  });

  await t.test('without root', async (t) => {
    // tap would have every node write where only root may.
    const nobody =
      'setpriv --reuid=65534 --regid=65534 --clear-groups -- env -u NODE_OPTIONS MPU_PIDNS=/proc/self/ns/pid';
    const found = document(t, await world.mpu(['doctor', '--json'], nobody));
    // The proof needs a user namespace, which not every system gives to everybody.
    checkResults(t, found, { proof: { verdict: /^(ok|warn)$/ as unknown as string } });
    t.match(await world.mpu(['doctor', '--container', '1'], nobody), {
      status: 4,
      stderr: /next: sudo mpu doctor --container 1/,
    });
  });

  await t.test('a container that is right', async (t) => {
    const web = name('web');
    await world.container(
      web,
      INJECTED,
      [...machine.options, ...machine.pidnsOptions],
      'sleep infinity | train --memory 5 & wait',
    );
    await world.numbers(await world.init(web), 'train');
    const ended = await world.mpu(['doctor', '--container', web]);
    t.match(ended, { status: 0, stderr: '' });
    matchesGolden(t, 'doctor-container', normalised(ended.stdout, machine, web));
    const found = document(t, await world.mpu(['doctor', '--container', web, '--json']));
    t.match(found, { place: 'container', container: web, summary: /shows the right processes/ });
    checkResults(t, found, {
      library: { verdict: 'ok' },
      loaded: { verdict: 'ok', why: /in 2 of 3 programs; not in .*train.*static/ },
      seccomp: { verdict: 'info', why: /a filter is in force/ },
      proof: { verdict: 'ok', why: /as in \/proc, by the namespace file/ },
    });
    const init = await world.init(web);
    t.equal(document(t, await world.mpu(['doctor', '-c', String(init), '--json'])).container, web, 'by its PID');
  });

  const plain = ['--network=none'];
  const wrong: [kind: string, image: string, options: () => string[], script: string, expected: Expected][] = [
    [
      'bare',
      IMAGE,
      () => plain,
      'sleep infinity',
      {
        device: { verdict: 'fail', why: /nvidiactl is not there/, next: /--gpus all/ },
        preload: { verdict: 'fail', why: /does not name libmpu\.so/, next: /mpu inject/ },
        pidns: { verdict: 'info', why: /is not there/ },
        proof: { verdict: 'fail', next: /-v \/run\/mpu\/pidns:\/run\/mpu\/pidns:ro/ },
      },
    ],
    [
      'nofile',
      INJECTED,
      () => machine.options,
      'sleep infinity',
      {
        loaded: { verdict: 'ok' },
        pidns: { verdict: 'info', next: MOUNTING },
        proof: { verdict: 'fail', why: /nobody translates here/ },
      },
    ],
    [
      'directory',
      INJECTED,
      () => [...machine.options, `--volume=${machine.podman.directory}:/run/mpu/pidns:ro`],
      'sleep infinity',
      {
        pidns: { verdict: 'info', why: /is a directory: the file was missing/ },
        proof: { verdict: 'fail' },
      },
    ],
    [
      'disabled',
      INJECTED,
      () => [...machine.options, ...machine.pidnsOptions, '--env=MPU_DISABLE=1'],
      'sleep infinity',
      {
        environment: { verdict: 'fail', why: /MPU_DISABLE=1 switches mpu off/ },
        proof: { verdict: 'ok' },
      },
    ],
    [
      'foreign',
      INJECTED,
      () => [
        ...machine.options,
        ...machine.pidnsOptions,
        `--volume=${LIBMPU.replace('x86_64', 'aarch64')}:/usr/lib/mpu/lib/x86_64-linux-gnu/libmpu.so:ro`,
      ],
      'sleep infinity',
      {
        library: { verdict: 'fail', why: /another architecture \(ELF machine 183/ },
        loaded: { verdict: 'fail', why: /in none of the programs/ },
      },
    ],
    [
      'broken',
      INJECTED,
      () => [
        ...machine.options,
        ...machine.pidnsOptions,
        '--volume=/etc/hostname:/usr/lib/mpu/lib/x86_64-linux-gnu/libmpu.so:ro',
      ],
      'sleep infinity',
      {
        library: { verdict: 'fail', why: /ELF machine none/ },
      },
    ],
    [
      'other',
      INJECTED,
      () => [...machine.options, ...machine.pidnsOptions, '--env=LD_PRELOAD=/opt/vgpu.so'],
      'sleep infinity',
      {
        preload: { verdict: 'warn', why: /\/opt\/vgpu\.so is named and not there/, next: /LD_PRELOAD/ },
      },
    ],
    [
      'static',
      INJECTED,
      () => [...machine.options, ...machine.pidnsOptions, '--interactive'],
      'exec train --memory 1 <>/dev/pts/ptmx || exec train --memory 1 </dev/zero',
      {
        loaded: { verdict: 'warn', why: /only static programs/ },
      },
    ],
    [
      'shared',
      INJECTED,
      () => [...machine.options, '--pid=host'],
      'sleep infinity',
      {
        'pid-namespace': { verdict: 'info', why: /--pid=host/ },
      },
    ],
  ];
  for (const [kind, image, options, script, expected] of wrong) {
    await t.test(`a container that is ${kind}`, async (t) => {
      await world.container(name(kind), image, options(), script);
      const found = document(t, await world.mpu(['doctor', '--container', name(kind), '--json']));
      checkResults(t, found, expected);
      const fails = Object.values(expected).some(({ verdict }) => verdict === 'fail');
      t.equal(found.ok, !fails, found.summary);
      if (kind === 'bare')
        matchesGolden(
          t,
          'doctor-bare',
          normalised((await world.mpu(['doctor', '-c', name(kind)])).stdout, machine, name(kind)),
        );
    });
  }
  t.match(await world.mpu(['doctor', '--container', name('nobody')]), {
    status: 1,
    stderr: /no running container has that name/,
  });

  await t.test('inside', async (t) => {
    const namespace = await world.session.namespace();
    const enter = world.session.enter(namespace);
    const right = document(t, await world.mpu(['doctor', '--json'], `${enter} env LD_PRELOAD=${LIBMPU}`));
    t.match(right, { ok: true, place: 'container' });
    checkResults(t, right, {
      preload: { verdict: 'ok', why: /by LD_PRELOAD/ },
      library: { verdict: 'ok' },
      loaded: { verdict: 'ok', why: /started now/ },
      proof: { verdict: 'ok', why: /this program, PID \d+/ },
    });
    const places = t.testdir();
    for (const platform of ['x86_64', 'haswell', 'xeon_phi']) await symlink(dirname(LIBMPU), join(places, platform));
    const unread = document(
      t,
      await world.mpu(['doctor', '--json'], `${enter} env LD_PRELOAD='${places}/$PLATFORM/libmpu.so'`),
    );
    checkResults(t, unread, {
      preload: { verdict: 'ok', why: /\$PLATFORM\/libmpu\.so, by LD_PRELOAD/ },
      library: { verdict: 'ok' },
      loaded: { verdict: 'ok', why: /started now/ },
    });
    const blind = document(
      t,
      await world.mpu(['doctor', '--json'], `${enter} env LD_PRELOAD=${LIBMPU} MPU_PIDNS=/proc/no-such-file`),
    );
    checkResults(t, blind, { proof: { verdict: 'fail', why: /nobody translates here/ } });
    const none = document(t, await world.mpu(['doctor', '--json'], enter));
    checkResults(t, none, { preload: { verdict: 'fail', next: /mpu inject/ } });
    t.match(await world.mpu(['doctor', '-c', 'web'], enter), { status: 2, stderr: /inside a container/ });
  });

  await t.test('a driver that needs no mpu', async (t) => {
    const newer = await World.start(machine, 'R4');
    t.teardown(() => newer.stop());
    const found = document(t, await newer.mpu(['doctor', '--json']));
    t.match(found, { ok: true, driver: { release: '580.95.05', regime: 'R4', needsMpu: false } });
    checkResults(t, found, {
      regime: {
        verdict: 'info',
        why: /needs no mpu for PIDs and memory.*mpu is still for this: rows repeat; other tenants/,
      },
    });
    const remains =
      /right (GPU )?processes without mpu; what remains without it: rows repeat; other tenants.*accounting and encoder sessions of everybody/;
    t.match(found.summary, remains);

    if (isOnHost()) {
      const nothing = document(t, await newer.mpu(['doctor', '--json'], `env MPU_PIDNS=${join(t.testdir(), 'none')}`));
      t.match(nothing, { ok: true, summary: remains }, 'a host without file and module');
      checkResults(t, nothing, {
        pidns: { verdict: 'info', next: MOUNTING },
        proof: { verdict: 'warn', why: /nobody translates for containers/, next: MOUNTING },
      });
    } else t.comment('NOT TESTED in full: this machine is a container');

    await newer.container(name('newer'), IMAGE, machine.options, 'sleep infinity');
    const bare = document(t, await newer.mpu(['doctor', '--container', name('newer'), '--json']));
    t.match(
      bare,
      { ok: true, place: 'container', driver: { needsMpu: false }, summary: remains },
      'a container that was not injected',
    );
    checkResults(t, bare, {
      device: { verdict: 'ok' },
      preload: { verdict: 'warn', next: /mpu inject/ },
      proof: { verdict: 'warn', why: /nobody translates here/ },
    });
    const ended = await newer.mpu(['doctor', '--container', name('newer')]);
    t.match(ended, { status: 0, stderr: '' });
    matchesGolden(t, 'doctor-bare-R4', normalised(ended.stdout, machine, name('newer')));
  });
});

await t.test('without a driver, and without what mpu is built of', async (t) => {
  const bare = document(
    t,
    await mpu(['doctor', '--json'], { env: { ...process.env, MPU_PIDNS: '/proc/self/ns/pid' } }),
  );
  if (bare.driver === null) checkResults(t, bare, { driver: { verdict: 'fail', next: /modprobe nvidia/ } });
  else t.comment('NOT TESTED: this machine has a driver');

  // As after a build of the command alone.
  const copy = t.testdir();
  for (const part of ['dist', 'kernel', 'package.json'])
    await cp(join(checkout, part), join(copy, part), { recursive: true });
  await symlink(join(checkout, 'node_modules'), join(copy, 'node_modules'));
  await mkdir(join(copy, 'build'));
  const env = { ...process.env, MPU_PIDNS: '/proc/self/ns/pid' };
  const unbuilt = document(t, await run(process.execPath, [join(copy, 'dist', 'cli.js'), 'doctor', '--json'], { env }));
  checkResults(t, unbuilt, {
    addon: { verdict: 'fail', why: /has not been built/, next: /npm .*run build/ },
    proof: { verdict: 'fail', why: /without the native addon/, next: /npm .*run build/ },
    library: { verdict: 'fail', next: /npm run build/ },
    kernel: { verdict: 'ok' },
  });
});
