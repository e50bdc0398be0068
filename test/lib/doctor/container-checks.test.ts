// SPDX-License-Identifier: GPL-2.0-only
/** The checks of a container, in containers that are not at hand: with mpu.ko, with interception, with drivers that need no mpu. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { runChecks, works, type CheckResult } from '#mpu/lib/doctor/check.js';
import { CONTAINER_CHECKS, containerSummary } from '#mpu/lib/doctor/container-checks.js';
import type { ContainerContext } from '#mpu/lib/doctor/container-context.js';
import type { Proof } from '#mpu/lib/doctor/proof.js';
import { REGIMES } from '#mpu/lib/driver/regimes.js';
import { elfMachine } from '#mpu/lib/system/elf.js';
import { MpuError } from '#mpu/lib/errors.js';
import { Host } from '#mpu/lib/system/host.js';
import { nativeLibrary } from '#mpu/lib/payload/libraries.js';
import { makeFixture } from '../../support/module-fixture.js';

const LIBRARY = readFileSync(nativeLibrary());
const RIGHT = { host: 4711, back: 7 };
const UNLOADED = { why: 'netlink: mpu.ko is not loaded' };
const REFUSED = { why: 'netlink: netlink cannot be used (EPERM: socket)' };
const proofOf = (methods: Proof['methods']): Proof => ({ pid: 7, inNamespace: true, methods, truth: 4711 });

/** A container by what is special about it; that of an image which was not injected, seen from the host. */
async function container(change: Partial<ContainerContext> = {}, kernel = '6.12.1'): Promise<ContainerContext> {
  const { root, write } = await makeFixture(t.testdir(), kernel);
  await write('dev/nvidiactl', '');
  await write('usr/bin/nvidia-smi', '');
  return {
    label: 'web',
    isInside: false,
    init: undefined,
    root: await Host.open({ root }),
    driver: undefined,
    addonError: undefined,
    sharesHost: false,
    libc: { name: 'glibc', libraryDirectory: undefined, machine: elfMachine(LIBRARY) },
    preloads: [],
    cover: undefined,
    hasFiles: false,
    loaded: [],
    environment: new Map(),
    seccomp: 2,
    pidnsPath: '/run/mpu/pidns',
    pidns: 'absent',
    seesModule: false,
    intercepted: false,
    proof: proofOf({ netlink: UNLOADED }),
    proofError: undefined,
    mountCommand: 'sudo mpu cdi install',
    ...change,
  };
}

const driverOf = (id: string): Partial<ContainerContext> => {
  const [regime] = REGIMES.filter((each) => each.id === id);
  return regime === undefined ? {} : { driver: { release: '580.95.05', flavour: 'open', regime } };
};

/** An image that was injected, and a program that has the library. */
const preloaded: Partial<ContainerContext> = {
  preloads: [
    {
      entry: '/usr/lib/mpu/$LIB/libmpu.so',
      by: '/etc/ld.so.preload',
      path: '/usr/lib/mpu/lib/libmpu.so',
      data: LIBRARY,
    },
  ],
  loaded: [{ command: 'python3', loaded: true, isStatic: false }],
};
const environment = (...entries: [string, string][]): Partial<ContainerContext> => ({ environment: new Map(entries) });
const byFile: Partial<ContainerContext> = { pidns: 'host', proof: proofOf({ netlink: UNLOADED, nsfs: RIGHT }) };
const byModule: Partial<ContainerContext> = { seesModule: true, proof: proofOf({ netlink: RIGHT }) };
const unreadable = new MpuError({
  code: 'probe-unreadable',
  what: 'x',
  why: 'not every user may read /root/probe.js',
  next: 'install it below /usr/lib',
});

type Expected = Record<string, { verdict?: CheckResult['verdict']; why?: RegExp; next?: RegExp } | undefined>;

const cases: [name: string, context: ContainerContext, works: boolean, expected: Expected][] = [
  [
    'nothing, where it is needed',
    await container(driverOf('R1')),
    false,
    {
      preload: { verdict: 'fail' },
      module: { verdict: 'info', why: /^not loaded$/ },
      pidns: { verdict: 'info', next: /^on the host: sudo mpu cdi install; then run the container again with -v/ },
      proof: { verdict: 'fail' },
    },
  ],
  [
    'nothing, where it is not needed',
    await container(driverOf('R4')),
    true,
    {
      preload: { verdict: 'warn', next: /mpu inject/ },
      proof: { verdict: 'warn', why: /nobody translates here/, next: /mpu doctor/ },
    },
  ],
  [
    "an injected image whose file another tool's covers",
    await container({
      ...driverOf('R1'),
      cover: { point: '/etc/ld.so.preload', root: '/srv/hami/preload', type: 'ext4' },
      hasFiles: true,
    }),
    false,
    {
      preload: {
        verdict: 'fail',
        why: /a mount on .etc.ld\.so\.preload \(of .srv.hami.preload\) covers/,
        next: /^add the line .usr.lib.mpu.\$LIB.libmpu\.so to the file/,
      },
    },
  ],
  [
    "an image without mpu whose file another tool's covers",
    await container({ ...driverOf('R1'), cover: { point: '/etc', root: '/srv/etc', type: 'ext4' } }),
    false,
    { preload: { verdict: 'fail', next: /^mpu inject IMAGE on the host, .*; and add the line/ } },
  ],
  [
    'no loader, where it is not needed',
    await container({ ...driverOf('R4'), libc: { name: 'none' } }),
    true,
    { libc: { verdict: 'warn' } },
  ],
  [
    'switched off, where it is not needed',
    await container({ ...driverOf('R4'), ...byFile, ...environment(['MPU_DISABLE', '1']) }),
    true,
    { environment: { verdict: 'warn' } },
  ],
  [
    'a translator that lies, where it is not needed',
    await container({ ...driverOf('R4'), ...byModule, proof: proofOf({ netlink: { host: 12, back: 7 } }) }),
    false,
    { proof: { verdict: 'fail', why: /not right: netlink: PID 7 became 12, and is 4711/ } },
  ],
  [
    'no GPU, where mpu is not needed',
    await container({ ...driverOf('R4'), root: await Host.open({ root: t.testdir({ proc: {} }) }) }),
    false,
    { device: { verdict: 'fail' } },
  ],

  [
    'mpu.ko',
    await container({ ...preloaded, ...byModule }),
    true,
    {
      module: { verdict: 'ok', why: /^answers over netlink in its namespaces$/ },
      pidns: { verdict: 'info', why: /mpu\.ko does its work/ },
      proof: { verdict: 'ok', why: /by mpu\.ko/ },
    },
  ],
  [
    'mpu.ko that is hidden',
    await container({ ...byModule, seesModule: false }),
    false,
    {
      module: { verdict: 'info', why: /\/sys\/module\/mpu is not visible here/ },
      proof: { verdict: 'fail', why: /libmpu\.so does not ask/ },
    },
  ],
  [
    'netlink that is refused, and the file',
    await container({ ...preloaded, ...byFile, seesModule: true, proof: proofOf({ netlink: REFUSED, nsfs: RIGHT }) }),
    true,
    {
      module: {
        verdict: 'info',
        why: /cannot be asked in its namespaces: netlink cannot be used \(EPERM: socket\); the namespace file does its work/,
      },
      proof: { verdict: 'ok', why: /by the namespace file/ },
    },
  ],
  [
    'netlink that is refused, and nothing else',
    await container({ seesModule: true, proof: proofOf({ netlink: REFUSED }) }),
    false,
    { module: { verdict: 'info', next: /AF_NETLINK/ }, proof: { verdict: 'fail', why: /EPERM/ } },
  ],
  [
    'a kernel whose files do not translate',
    await container({}, '6.1.0-18-amd64'),
    false,
    { pidns: { verdict: 'info', why: /came with 6\.11$/ } },
  ],
  [
    'a probe that may not be read',
    await container({ proof: undefined, proofError: unreadable }),
    false,
    {
      module: { verdict: 'info', why: /could not be tried/ },
      proof: { verdict: 'fail', why: /not every user may read/, next: /below \/usr\/lib/ },
    },
  ],
  [
    'a probe that did not run',
    await container({ proof: undefined, proofError: new Error('spawn EAGAIN') }),
    false,
    { proof: { verdict: 'fail', why: /EAGAIN/, next: /^run it again/ } },
  ],

  [
    'interception',
    await container({ ...byModule, intercepted: true }),
    true,
    {
      interception: { verdict: 'ok' },
      preload: undefined,
      module: { verdict: 'ok' },
      proof: { verdict: 'ok', why: /by mpu\.ko/ },
    },
  ],
  [
    'interception, with /sys/module/mpu hidden',
    await container({ ...byModule, seesModule: false, intercepted: true }),
    true,
    { module: { verdict: 'ok' }, pidns: { why: /mpu\.ko does its work/ }, proof: { verdict: 'ok', why: /by mpu\.ko/ } },
  ],
  [
    'interception, and netlink is refused',
    await container({ intercepted: true, proof: proofOf({ netlink: REFUSED }) }),
    true,
    { proof: { verdict: 'info', why: /with interception nobody has to be/ } },
  ],
  [
    'interception, and a probe that did not run',
    await container({ intercepted: true, proof: undefined, proofError: unreadable }),
    true,
    { proof: { verdict: 'warn' } },
  ],
  [
    'interception by a module that lies',
    await container({ intercepted: true, proof: proofOf({ netlink: { host: 12, back: 7 } }) }),
    false,
    { proof: { verdict: 'fail' } },
  ],

  [
    'MPU_DISABLE=1',
    await container({ ...byFile, ...environment(['MPU_DISABLE', '1'], ['MPU_PIDNS', '/x']) }),
    false,
    { environment: { verdict: 'fail', why: /^MPU_DISABLE=1 switches mpu off$/ } },
  ],
  ['MPU_DISABLE=0', await container(environment(['MPU_DISABLE', '0'])), false, { environment: undefined }],
  [
    'MPU_PIDNS',
    await container(environment(['MPU_DISABLE', '0'], ['MPU_PIDNS', '/x'])),
    false,
    { environment: { verdict: 'info', why: /^MPU_PIDNS=\/x is used/ } },
  ],
  ['an empty MPU_PIDNS', await container(environment(['MPU_PIDNS', ''])), false, { environment: undefined }],
  [
    'MPU_DISABLE=1 under interception',
    await container({ ...byModule, intercepted: true, ...environment(['MPU_DISABLE', '1']) }),
    true,
    { environment: undefined },
  ],
  [
    'MPU_DISABLE=1 with the PIDs of the host',
    await container({ sharesHost: true, ...environment(['MPU_DISABLE', '1']) }),
    true,
    { environment: undefined, proof: undefined },
  ],

  [
    'a filter, from the host',
    await container(byFile),
    false,
    {
      seccomp: {
        verdict: 'info',
        why: /what is tried here from the host is not under it/,
        next: /MPU_DEBUG=1 nvidia-smi, in the container/,
      },
    },
  ],
  [
    'a filter, from inside',
    await container({ ...byFile, isInside: true }),
    false,
    { seccomp: { verdict: 'ok', why: /lets the namespace file through/ } },
  ],
  [
    'a filter that refuses netlink, from inside',
    await container({ isInside: true, proof: proofOf({ netlink: REFUSED }) }),
    false,
    { seccomp: { verdict: 'warn', why: /may be what refuses netlink.*EPERM/, next: /seccomp=unconfined/ } },
  ],
  [
    'a filter, and nothing to let through',
    await container({ isInside: true }),
    false,
    { seccomp: { verdict: 'info', why: /^a filter is in force$/ } },
  ],
  [
    'no filter',
    await container({ ...preloaded, ...byFile, seccomp: 0 }),
    true,
    { seccomp: { verdict: 'ok', why: /^no filter$/ } },
  ],
];

for (const [name, context, isWell, expected] of cases) {
  await t.test(name, async (t) => {
    const results = await runChecks(CONTAINER_CHECKS, context);
    for (const [id, wanted] of Object.entries(expected)) {
      const found = results.find((each) => each.id === id);
      if (wanted === undefined) t.equal(found, undefined, `${id} does not apply`);
      else t.match(found, wanted, id);
    }
    t.equal(works(results), isWell, 'in all', { results });
  });
}

await t.test('the summary of a container that is right', async (t) => {
  const shows = 'nvidia-smi in this container shows the right processes';
  t.equal(containerSummary(await container({ ...driverOf('R1'), ...preloaded, ...byFile })), shows);
  t.equal(containerSummary(await container({ ...driverOf('R4'), ...preloaded, ...byFile })), shows);
  t.equal(containerSummary(await container({ ...driverOf('R4'), ...byModule, intercepted: true })), shows);
  t.equal(containerSummary(await container({ ...driverOf('R4'), sharesHost: true })), shows);
  const remains =
    /^nvidia-smi in this container shows the right processes without mpu; what remains without it: rows repeat; other tenants appear.*; accounting and encoder sessions of everybody$/;
  for (const [what, change] of Object.entries({
    nothing: {},
    'no entry': byFile,
    'no translator': preloaded,
    'switched off': { ...preloaded, ...byFile, ...environment(['MPU_DISABLE', '1']) },
  }))
    t.match(containerSummary(await container({ ...driverOf('R4'), ...change })), remains, what);
});
