// SPDX-License-Identifier: GPL-2.0-only
/** The checks of a host, on hosts that are not at hand: other kernels, Secure Boot, DKMS, modules of other projects. */
import { chmod, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { runChecks, type CheckResult } from '#mpu/lib/doctor/check.js';
import { findDkms } from '#mpu/lib/doctor/dkms-check.js';
import { DRIVER_CHECKS } from '#mpu/lib/doctor/driver-checks.js';
import { HOST_CHECKS, hostSummary, type HostContext } from '#mpu/lib/doctor/host-checks.js';
import { findPidnsBoot } from '#mpu/lib/pidns/boot.js';
import type { Proof } from '#mpu/lib/doctor/proof.js';
import { REGIMES } from '#mpu/lib/driver/regimes.js';
import { MpuError } from '#mpu/lib/errors.js';
import type { DkmsEntry } from '#mpu/lib/module/dkms.js';
import { Host } from '#mpu/lib/system/host.js';
import type { LoadedModule } from '#mpu/lib/module/loaded-module.js';
import type { InstalledModule } from '#mpu/lib/module/module-file.js';
import type { Restrictions } from '#mpu/lib/module/restrictions.js';
import type { ModuleState } from '#mpu/lib/translator.js';
import { makeFixture } from '../../support/module-fixture.js';

const VERSION = '0.1.0';
const FREE: Restrictions = { secureBoot: 'off', lockdown: 'none', signaturesEnforced: false, modulesDisabled: false };
const answer = (change: Partial<ModuleState> = {}): ModuleState => ({
  version: VERSION,
  abi: 1,
  features: ['translate'],
  maxPids: 4096,
  intercept: 'absent',
  generation: '1',
  ...change,
});
const ours = (change: Partial<ModuleState> = {}): LoadedModule => ({
  owner: 'mpu',
  version: VERSION,
  answer: answer(change),
});

const RIGHT = { host: 4711, back: 1 };
const NOBODY = { why: 'mpu.ko is not loaded' };
const proofOf = (methods: Proof['methods']): Proof => ({ pid: 1, inNamespace: true, methods, truth: 4711 });

/** A host by what is special about it. */
async function host(
  kernel: string,
  change: Partial<HostContext> = {},
  module: Partial<HostContext['module']> = {},
): Promise<HostContext> {
  const { root } = await makeFixture(t.testdir(), kernel);
  return {
    host: await Host.open({ root }),
    driver: undefined,
    module: {
      kernel,
      running: kernel,
      version: VERSION,
      loaded: { owner: 'none' },
      installed: [],
      atBoot: false,
      restrictions: FREE,
      ...module,
    },
    moduleError: undefined,
    loadable: true,
    pidnsPath: '/run/mpu/pidns',
    pidns: 'absent',
    dkms: { isThere: false, newerKernels: [] },
    pidnsBoot: { hasSystemd: true, unit: 'absent' },
    addonError: undefined,
    proof: proofOf({ netlink: NOBODY }),
    proofError: undefined,
    ...change,
  };
}

const isRoot = process.getuid?.() === 0;
const regimes = REGIMES.filter(({ id }) => id === 'R4').map((regime) => ({
  driver: { release: '580.95.05', flavour: 'open' as const, regime },
}));
const R4 = { ...regimes[0] };
/** A proof that was made without a PID namespace. */
const ALONE: Proof = { pid: 7, inNamespace: false, methods: { nsfs: { host: 7, back: 7 } } };
const dkms = (isThere: boolean, ...newerKernels: string[]): Pick<HostContext, 'dkms'> => ({
  dkms: { isThere, newerKernels },
});
const entry = (kernel: string, change: Partial<DkmsEntry> = {}): DkmsEntry => ({
  version: VERSION,
  kernel,
  state: 'installed',
  ...change,
});
const file = (kernel: string): InstalledModule => ({
  path: `/lib/modules/${kernel}/extra/mpu.ko`,
  ours: true,
  version: VERSION,
  kernel,
  signed: false,
  release: kernel,
  place: 'extra',
});

/** The findings that a case is about, by check. */
type Expected = Record<string, { verdict?: CheckResult['verdict']; why?: RegExp; next?: RegExp } | undefined>;

const byModule = { proof: proofOf({ netlink: RIGHT }) };
const byFile = {
  proof: proofOf({ netlink: NOBODY, nsfs: RIGHT }),
  pidns: 'host' as const,
  pidnsBoot: { hasSystemd: true, unit: 'enabled' as const },
};

const cases: [name: string, context: HostContext, expected: Expected][] = [
  [
    'nothing is there, on a kernel that needs the module',
    await host('6.1.0-18-amd64'),
    {
      kernel: { verdict: 'ok', why: /needs mpu\.ko/ },
      module: { verdict: 'info', why: /^not loaded$/, next: /sudo mpu module load/ },
      pidns: { verdict: 'info', why: /came with 6\.11/ },
      build: { verdict: 'info', next: /apt-get install linux-headers-6\.1\.0-18-amd64/ },
      proof: { verdict: 'fail', next: /sudo mpu module load/ },
      boot: undefined,
      interception: undefined,
      dkms: {
        verdict: 'info',
        why: /^not installed: a new kernel gets no mpu\.ko/,
        next: /package dkms, then: sudo mpu module install/,
      },
    },
  ],
  [
    'nothing is there, on a kernel that needs none',
    await host('6.12.1'),
    {
      proof: { verdict: 'fail', next: /^sudo mpu pidns enable --persist$/ },
      dkms: { verdict: 'info', why: /^not installed$/ },
    },
  ],
  [
    'nothing can be there',
    await host('6.1.0', { loadable: false }),
    { proof: { verdict: 'fail', next: /a kernel that takes modules/ }, build: undefined },
  ],
  ['a kernel that is too old', await host('4.15.0-1-generic'), { kernel: { verdict: 'fail', next: /5\.4/ } }],
  [
    'the namespace file alone',
    await host('6.12.1', byFile),
    {
      module: { verdict: 'info', why: /the namespace file does its work/ },
      pidns: { verdict: 'ok', why: /again after a boot by mpu-pidns\.service/ },
      proof: { verdict: 'ok', why: /4711 on the host and back, as in \/proc, by the namespace file/ },
    },
  ],
  [
    'the module alone',
    await host('6.1.0', byModule, { loaded: ours(), atBoot: true }),
    {
      module: { verdict: 'ok', why: /answers over netlink/ },
      boot: { verdict: 'ok' },
      signatures: { verdict: 'ok' },
      interception: { verdict: 'info', why: /this mpu\.ko cannot; containers/ },
      proof: { verdict: 'ok', why: /by mpu\.ko/ },
    },
  ],
  [
    'the module, and no file where there could be one',
    await host('6.12.1', byModule, { loaded: ours() }),
    {
      pidns: { verdict: 'info', why: /mpu\.ko does its work/ },
      boot: { verdict: 'warn', next: /mpu module install/ },
    },
  ],
  [
    'interception on',
    await host('6.1.0', byModule, { loaded: ours({ intercept: 'on' }) }),
    { interception: { verdict: 'ok', why: /without libmpu\.so/ } },
  ],
  [
    'interception off',
    await host('6.1.0', byModule, { loaded: ours({ intercept: 'off' }) }),
    { interception: { verdict: 'info', next: /intercept on/ } },
  ],
  [
    'interception that waits',
    await host('6.1.0', byModule, {
      loaded: ours({ intercept: 'waiting', interceptReason: 'nvidia.ko is not loaded' }),
    }),
    { interception: { verdict: 'info', why: /begins when it can: nvidia\.ko is not loaded; until then/ } },
  ],
  [
    'interception that a live patch keeps out',
    await host('6.1.0', byModule, {
      loaded: ours({
        intercept: 'blocked',
        interceptReason: 'nvidia.ko is redirected by somebody else, or ftrace is switched off',
      }),
    }),
    {
      interception: {
        verdict: 'warn',
        why: /refused: nvidia\.ko is redirected by somebody else/,
        next: /livepatch.*intercept on/,
      },
    },
  ],
  [
    'interception of a driver that ftrace does not know',
    await host('6.1.0', byModule, {
      loaded: ours({ intercept: 'blocked', interceptReason: 'ftrace does not know an ioctl entry in nvidia.ko' }),
    }),
    { interception: { verdict: 'warn', why: /does not know an ioctl entry/, next: /^mpu inject IMAGE/ } },
  ],
  [
    'a kernel that cannot intercept',
    await host('6.1.0', byModule, {
      loaded: ours({ interceptReason: 'this kernel is built without the ftrace that can redirect functions' }),
    }),
    { interception: { verdict: 'info', why: /cannot: this kernel is built without/ } },
  ],
  [
    'another version is loaded',
    await host('6.1.0', byModule, { loaded: ours({ version: '0.0.9' }) }),
    { module: { verdict: 'warn', why: /0\.0\.9 is loaded, and this mpu is 0\.1\.0/, next: /sudo mpu module load/ } },
  ],
  [
    'a module that cannot be asked',
    await host('6.1.0', {}, { loaded: { owner: 'mpu', version: VERSION } }),
    { module: { verdict: 'warn', why: /cannot be asked/ } },
  ],
  [
    'a foreign module, and nothing else',
    await host('6.1.0', {}, { loaded: { owner: 'foreign' } }),
    { module: { verdict: 'fail', next: /rmmod mpu/ } },
  ],
  [
    'a foreign module beside the file',
    await host('6.12.1', byFile, { loaded: { owner: 'foreign' } }),
    { module: { verdict: 'warn', next: /rmmod mpu/ } },
  ],
  [
    'a foreign module on disk',
    await host(
      '6.1.0',
      {},
      {
        installed: [
          {
            path: '/lib/modules/6.1.0/extra/mpu.ko',
            ours: false,
            version: undefined,
            kernel: '6.1.0',
            signed: false,
            release: '6.1.0',
            place: 'extra',
          },
        ],
      },
    ),
    {
      'foreign-module': { verdict: 'warn', why: /extra\/mpu\.ko/, next: /sudo rm .*depmod/ },
    },
  ],
  [
    'Secure Boot',
    await host('6.1.0', {}, { restrictions: { ...FREE, secureBoot: 'on', lockdown: 'integrity' } }),
    {
      signatures: {
        verdict: 'info',
        why: /signed modules only \(Secure Boot on, lockdown integrity\)/,
        next: /docs\/secure-boot\.md/,
      },
    },
  ],
  [
    'forced signatures',
    await host('6.1.0', {}, { restrictions: { ...FREE, signaturesEnforced: true } }),
    { signatures: { verdict: 'info', next: /--key/ } },
  ],
  [
    'modules disabled',
    await host('6.1.0', {}, { restrictions: { ...FREE, modulesDisabled: true } }),
    { signatures: { verdict: 'info', why: /until the next boot/ } },
  ],
  ['unsigned modules are taken', await host('6.1.0'), { signatures: { verdict: 'ok' } }],
  [
    'signatures with mpu.ko loaded',
    await host('6.1.0', byModule, { loaded: ours(), restrictions: { ...FREE, signaturesEnforced: true } }),
    {
      signatures: {
        verdict: 'info',
        why: /has taken mpu\.ko; that of another kernel has to be signed/,
        next: /docs\/secure-boot\.md/,
      },
    },
  ],
  [
    'a module on disk that will be refused',
    await host('6.1.0', byModule, {
      loaded: ours(),
      installed: [file('6.1.0')],
      restrictions: { ...FREE, lockdown: 'integrity' },
    }),
    { signatures: { verdict: 'warn', why: /extra\/mpu\.ko is not signed/, next: /module install --key/ } },
  ],
  [
    'DKMS has it',
    await host('6.1.0', dkms(true), { dkms: [entry('6.1.0')] }),
    { dkms: { verdict: 'ok', why: /^0\.1\.0 is installed for 6\.1\.0$/ } },
  ],
  [
    'DKMS has it for the kernel before',
    await host('6.1.0', dkms(true), { dkms: [entry('6.0.0')] }),
    { dkms: { verdict: 'warn', next: /dkms autoinstall/ } },
  ],
  [
    'DKMS could not build it',
    await host('6.1.0', dkms(true), { dkms: [entry('6.1.0', { state: 'added' })] }),
    { dkms: { verdict: 'warn' } },
  ],
  [
    'DKMS has another version',
    await host('6.1.0', dkms(true), { dkms: [entry('6.1.0', { version: '0.0.9' })] }),
    {
      dkms: {
        verdict: 'warn',
        why: /^0\.0\.9 is installed for 6\.1\.0, and this mpu is 0\.1\.0$/,
        next: /sudo mpu module install/,
      },
    },
  ],
  [
    'DKMS has it, but not for the kernel that boots next',
    await host('6.1.0-9-amd64', dkms(true, '6.1.0-18-amd64'), { dkms: [entry('6.1.0-9-amd64')] }),
    {
      dkms: {
        verdict: 'warn',
        why: /not for 6\.1\.0-18-amd64, which may boot next/,
        next: /^sudo dkms autoinstall -k 6\.1\.0-18-amd64$/,
      },
    },
  ],
  [
    'DKMS has it for the kernel that boots next',
    await host('6.1.0-9-amd64', dkms(true, '6.1.0-18-amd64'), {
      dkms: [entry('6.1.0-9-amd64')],
      installed: [file('6.1.0-18-amd64')],
    }),
    { dkms: { verdict: 'ok', why: /and what may boot next/ } },
  ],
  [
    'DKMS does not have it',
    await host('6.1.0', dkms(true), { dkms: [] }),
    { dkms: { verdict: 'info', why: /does not have mpu/, next: /^sudo mpu module install$/ } },
  ],
  [
    'DKMS answers to root alone, or not at all',
    await host('6.1.0', dkms(true)),
    { dkms: isRoot ? { verdict: 'warn', next: /dkms status/ } : { verdict: 'info', next: /^sudo mpu doctor$/ } },
  ],
  [
    'no DKMS, and a new kernel without a module',
    await host('6.12.1', { ...byModule, ...dkms(false, '6.12.9') }, { loaded: ours() }),
    { dkms: { verdict: 'warn', why: /not installed, and 6\.12\.9 has no mpu\.ko/, next: /mpu module install/ } },
  ],
  [
    'a file that is gone after a boot',
    await host('6.12.1', { ...byFile, pidnsBoot: { hasSystemd: true, unit: 'absent' } }),
    {
      pidns: {
        verdict: 'warn',
        why: /nothing that is known here mounts it again/,
        next: /^sudo mpu pidns enable --persist$/,
      },
    },
  ],
  [
    'a unit that is not enabled',
    await host('6.12.1', { ...byFile, pidnsBoot: { hasSystemd: true, unit: 'disabled' } }),
    { pidns: { verdict: 'warn', next: /^sudo systemctl enable --now mpu-pidns\.service$/ } },
  ],
  [
    'a file that is gone after a boot, without systemd',
    await host('6.12.1', { ...byFile, pidnsBoot: { hasSystemd: false, unit: 'absent' } }),
    { pidns: { verdict: 'warn', next: /at each boot: sudo mpu pidns enable$/ } },
  ],
  [
    'a file that is gone after a boot, beside the module',
    await host(
      '6.12.1',
      { ...byFile, ...byModule, pidnsBoot: { hasSystemd: true, unit: 'absent' } },
      { loaded: ours() },
    ),
    { pidns: { verdict: 'info', why: /mpu\.ko does its work/ } },
  ],
  [
    'a file somewhere else',
    await host('6.12.1', { ...byFile, pidnsPath: '/srv/pidns', pidnsBoot: { hasSystemd: true, unit: 'absent' } }),
    { pidns: { verdict: 'ok' } },
  ],
  [
    'a unit that did not do its work',
    await host('6.12.1', { pidnsBoot: { hasSystemd: true, unit: 'enabled' } }),
    {
      pidns: { verdict: 'info', next: /^sudo systemctl restart mpu-pidns\.service$/ },
      proof: { verdict: 'fail', next: /restart mpu-pidns/ },
    },
  ],
  [
    'no file, and no systemd',
    await host('6.12.1', { pidnsBoot: { hasSystemd: false, unit: 'absent' } }),
    {
      pidns: { verdict: 'info', next: /^sudo mpu pidns enable$/ },
      proof: { verdict: 'fail', next: /^sudo mpu pidns enable$/ },
    },
  ],
  [
    'a host in a container',
    await host('6.12.1', { pidns: 'other-namespace' }),
    { pidns: { verdict: 'info', why: /itself a container/, next: /real host/ } },
  ],
  [
    'a directory in the place of the file',
    await host('6.12.1', { pidns: 'directory' }),
    { pidns: { verdict: 'info', next: /^sudo rmdir \/run\/mpu\/pidns; sudo mpu pidns enable --persist$/ } },
  ],
  [
    'a translator that lies',
    await host('6.12.1', { proof: proofOf({ netlink: { host: 12, back: 1 } }) }),
    { proof: { verdict: 'fail', why: /PID 1 became 12, and is 4711/ } },
  ],
  [
    'a translator that is not sure',
    await host('6.12.1', { proof: proofOf({ netlink: { host: 4711, back: 3 } }) }),
    { proof: { verdict: 'fail', why: /PID 1 became 4711, and that 3/ } },
  ],
  [
    'a translator that knows nobody',
    await host('6.12.1', { proof: proofOf({ netlink: { host: 0, back: 0 } }) }),
    { proof: { verdict: 'fail', why: /is not known/ } },
  ],
  [
    'a system without unshare',
    await host('6.12.1', {
      ...byFile,
      proof: ALONE,
      proofError: new MpuError({
        code: 'program-missing',
        what: 'x',
        why: 'unshare is not installed',
        next: 'install util-linux',
      }),
    }),
    {
      proof: {
        verdict: 'warn',
        why: /^the namespace file answers.*not proven.*: unshare is not installed$/,
        next: /^install util-linux$/,
      },
    },
  ],
  [
    'a system without user namespaces',
    await host('6.12.1', {
      ...byFile,
      proof: ALONE,
      proofError: new Error('unshare: unshare failed: Operation not permitted'),
    }),
    {
      proof: isRoot
        ? { verdict: 'warn', why: /not proven.*Operation not permitted$/ }
        : { verdict: 'warn', why: /not proven.*: this user may not make one$/, next: /^sudo mpu doctor$/ },
    },
  ],
  [
    'a probe that does not run',
    await host('6.12.1', { proof: undefined, proofError: new Error('spawn EAGAIN') }),
    { proof: { verdict: 'fail', why: /EAGAIN/ } },
  ],
  [
    'nothing, for a driver that needs nothing',
    await host('6.12.1', R4),
    { proof: { verdict: 'warn', why: /nobody translates for containers/, next: /mpu pidns enable --persist/ } },
  ],
  [
    'a kernel that is too old for mpu, for a driver that needs none',
    await host('4.15.0', R4),
    { kernel: { verdict: 'warn' }, proof: { verdict: 'warn' } },
  ],
  [
    'a foreign module, for a driver that needs none',
    await host('6.1.0', R4, { loaded: { owner: 'foreign' } }),
    { module: { verdict: 'warn', next: /rmmod mpu/ } },
  ],
  [
    'a probe that does not run, for a driver that needs none',
    await host('6.12.1', { ...R4, proof: undefined, proofError: new Error('spawn EAGAIN') }),
    { proof: { verdict: 'warn' } },
  ],
  [
    'a translator that lies, for a driver that needs none',
    await host('6.12.1', { ...R4, proof: proofOf({ netlink: { host: 12, back: 1 } }) }),
    { proof: { verdict: 'fail', why: /PID 1 became 12/ } },
  ],
  [
    'modules that cannot be read',
    await host('6.1.0', { moduleError: new Error('no xz') }),
    { 'module-files': { verdict: 'warn', why: /no xz/ } },
  ],
];

for (const [name, context, expected] of cases) {
  await t.test(name, async (t) => {
    const results = await runChecks(HOST_CHECKS, context);
    for (const [id, wanted] of Object.entries(expected)) {
      const found = results.find((each) => each.id === id);
      if (wanted === undefined) t.equal(found, undefined, `${id} does not apply`);
      else t.match(found, wanted, id);
    }
  });
}

await t.test('the summary of a host that is right', async (t) => {
  t.match(hostSummary(await host('6.12.1', byFile)), /that are given the namespace file are shown/);
  t.match(
    hostSummary(await host('6.12.1', byModule, { loaded: ours() })),
    /^Containers of injected images \(mpu inject\) are shown/,
  );
  t.match(
    hostSummary(await host('6.12.1', byModule, { loaded: ours({ intercept: 'on' }) })),
    /^Containers here are shown/,
  );
});

await t.test('the summary of a host whose driver needs no mpu', async (t) => {
  const remains =
    /shown the right GPU processes without mpu; what remains without it: rows repeat; other tenants appear.*accounting and encoder sessions of everybody/;
  const bare = hostSummary(await host('6.12.1', R4));
  t.match(bare, remains);
  t.notMatch(bare, /injected/);
  t.match(
    hostSummary(await host('6.12.1', { ...R4, ...byFile })),
    /everybody; containers of injected images \(mpu inject\) that are given the namespace file are right in that, too$/,
  );
});

await t.test('drivers whose regime is not known', async (t) => {
  const driver = { release: 'ABC', flavour: 'unknown' as const };
  t.match(await runChecks(DRIVER_CHECKS, { driver, addonError: undefined }), [
    { id: 'driver', verdict: 'ok' },
    { id: 'regime', verdict: 'warn', why: /known by its release, and ABC is none/ },
  ]);
  const addonError = new MpuError({ code: 'addon-missing', what: 'x', why: 'not built', next: 'npm run build' });
  t.match(await runChecks(DRIVER_CHECKS, { driver, addonError }), [
    { id: 'addon', verdict: 'fail' },
    { id: 'driver' },
    { id: 'regime', why: /the native addon, which cannot be loaded/, next: /npm .*run build/ },
  ]);
});

await t.test('what the next boot has', async (t) => {
  const { root, write } = await makeFixture(t.testdir(), '6.1.0-9-amd64');
  const found = async (): Promise<unknown> => findPidnsBoot(await Host.open({ root }));
  t.same(await found(), { hasSystemd: false, unit: 'absent' });
  await write('run/systemd/system/x', '');
  await write('usr/lib/systemd/system/mpu-pidns.service', '');
  t.same(await found(), { hasSystemd: true, unit: 'disabled' }, 'as packages install it');
  const wants = join(root, 'etc/systemd/system/multi-user.target.wants');
  await mkdir(wants, { recursive: true });
  await symlink('/lib/systemd/system/mpu-cdi.service', join(wants, 'mpu-cdi.service'));
  t.same(await found(), { hasSystemd: true, unit: 'disabled' }, 'a link to nowhere');
  await symlink('/usr/lib/systemd/system/mpu-pidns.service', join(wants, 'mpu-pidns.service'));
  t.same(await found(), { hasSystemd: true, unit: 'enabled' });

  for (const release of ['6.1.0-18-amd64', '5.10.0-30-amd64']) await write(`lib/modules/${release}/modules.order`, '');
  // What a removed kernel leaves.
  await write('lib/modules/6.1.0-19-amd64/updates/dkms/nvidia.ko', '');
  t.match(await findDkms(await Host.open({ root })), { newerKernels: ['6.1.0-18-amd64'] });
});

await t.test('an nvidia-smi that does not answer holds nobody up', async (t) => {
  const directory = t.testdir({ 'nvidia-smi': '#!/bin/sh\nexec sleep 600\n' });
  await chmod(join(directory, 'nvidia-smi'), 0o755);
  const before = process.env.PATH;
  process.env.PATH = `${directory}:${before ?? ''}`;
  t.teardown(() => {
    process.env.PATH = before;
  });
  const checks = HOST_CHECKS.filter(({ id }) => id === 'gpu');
  const context = await host('6.12.1', { ...R4, signal: AbortSignal.timeout(200) });
  t.match(await runChecks(checks, context), [{ id: 'gpu', verdict: 'fail', why: /was received/ }]);
});

await t.test('a check that breaks is a failure with words', async (t) => {
  const broken = {
    id: 'x',
    title: 'x',
    applies: () => true,
    run: () => {
      throw new Error('no luck');
    },
  };
  t.match(await runChecks([broken], undefined), [{ id: 'x', verdict: 'fail', why: 'no luck', next: String }]);
});
