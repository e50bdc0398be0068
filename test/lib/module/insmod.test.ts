// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { insmodError, type InsmodFailure } from '#mpu/lib/module/insmod.js';

const failure: InsmodFailure = {
  said: '',
  kernelLog: '',
  file: { path: '/x/mpu.ko', signed: false },
  restrictions: { secureBoot: 'off', lockdown: 'none', signaturesEnforced: false, modulesDisabled: false },
  capable: true,
  flags: '',
};
const on = { ...failure.restrictions, secureBoot: 'on', lockdown: 'integrity' } as const;
const said = (text: string): string => `insmod: ERROR: could not insert module /x/mpu.ko: ${text}`;

await t.test('why insmod failed', (t) => {
  for (const [name, parts, wanted] of [
    [
      'unsigned',
      { said: said('Key was rejected by service'), restrictions: on },
      {
        code: 'signature-refused',
        exitCode: 4,
        why: /Secure Boot is on; it is not signed/,
        next: /openssl.*mokutil --import.*--key/,
      },
    ],
    ['required', { said: said('Required key not available') }, { code: 'signature-refused', exitCode: 4 }],
    [
      'not enrolled',
      { said: said('Key was rejected by service'), file: { path: 'x', signed: true } },
      { code: 'signature-refused', why: /does not know/, next: /^enrol/ },
    ],
    [
      'lockdown',
      { said: said('Operation not permitted'), restrictions: on },
      { code: 'lockdown', exitCode: 4, next: /mokutil/ },
    ],
    [
      'lockdown by the log',
      {
        said: said('Operation not permitted'),
        kernelLog: 'Lockdown: insmod: unsigned module loading is restricted; see man kernel_lockdown.7',
      },
      { code: 'lockdown' },
    ],
    [
      'no capability',
      { said: said('Operation not permitted'), capable: false },
      { code: 'permission-denied', exitCode: 4, next: /^sudo/ },
    ],
    [
      'disabled',
      { said: said('Operation not permitted'), restrictions: { ...failure.restrictions, modulesDisabled: true } },
      { code: 'modules-disabled', exitCode: 4 },
    ],
    [
      'policy',
      { said: said('Operation not permitted') },
      { code: 'permission-denied', exitCode: 4, why: /security policy/ },
    ],
    [
      'format',
      { said: said('Invalid module format'), kernelLog: 'mpu: version magic' },
      { code: 'module-mismatch', exitCode: 1, why: /version magic/ },
    ],
    ['exists', { said: said('File exists') }, { code: 'foreign-module' }],
    ['symbol', { said: said('Unknown symbol in module') }, { code: 'kernel-unsupported', exitCode: 3 }],
    ['other', { said: said('Cannot allocate memory') }, { code: 'load-failed', exitCode: 1, why: /Cannot allocate/ }],
    [
      'busybox',
      { said: "insmod: can't insert 'mpu.ko': Operation not permitted", capable: false },
      { code: 'permission-denied' },
    ],
  ] as const) {
    t.match(insmodError({ ...failure, ...parts }), wanted, name);
  }
  t.end();
});
