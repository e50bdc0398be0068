// SPDX-License-Identifier: GPL-2.0-only
/** The checks of a host, on hosts that are not at hand. */
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { runChecks } from '#mpu/lib/doctor/check.js';
import { MpuError } from '#mpu/lib/errors.js';
import { HOST_CHECKS, hostSummary } from '#mpu/lib/doctor/host-checks.js';
import type { Proof } from '#mpu/lib/doctor/proof.js';
import {
  host,
  byModule,
  byFile,
  checkHosts,
  isRoot,
  FREE,
  ours,
  proofOf,
  R4,
  file,
  VERSION,
} from '../../support/doctor-hosts.js';

/** A proof that was made without a PID namespace. */
const ALONE: Proof = { pid: 7, inNamespace: false, methods: { nsfs: { host: 7, back: 7 } } };

await checkHosts([
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
]);

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
