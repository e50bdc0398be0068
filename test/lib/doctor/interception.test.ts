// SPDX-License-Identifier: GPL-2.0-only
/** What doctor says about interception, by the state that mpu.ko reports. */
import { host, byModule, checkHosts, ours } from '../../support/doctor-hosts.js';

await checkHosts([
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
]);
