// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { findDkms } from '#mpu/lib/doctor/dkms-check.js';
import { Host } from '#mpu/lib/system/host.js';
import { makeFixture } from '../../support/module-fixture.js';
import { host, byModule, checkHosts, isRoot, ours, dkms, entry, file } from '../../support/doctor-hosts.js';

await checkHosts([
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
]);

await t.test('kernels that may boot next', async (t) => {
  const { root, write } = await makeFixture(t.testdir(), '6.1.0-9-amd64');
  for (const release of ['6.1.0-18-amd64', '5.10.0-30-amd64']) await write(`lib/modules/${release}/modules.order`, '');
  // What a removed kernel leaves.
  await write('lib/modules/6.1.0-19-amd64/updates/dkms/nvidia.ko', '');
  t.match(await findDkms(await Host.open({ root })), { newerKernels: ['6.1.0-18-amd64'] });
});
