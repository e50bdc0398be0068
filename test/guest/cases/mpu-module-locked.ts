// SPDX-License-Identifier: GPL-2.0-only
/** In a guest: `mpu module` where the kernel refuses modules. None of it can be undone, so it is a guest's last subject. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, installedModules, mpuModule as module } from './mpu-command.js';

const LOCKDOWN = '/sys/kernel/security/lockdown';

/** Runs in a kernel that an earlier subject has locked down. */
export function mpuModuleLocked(): void {
  execFileSync('mount', ['-t', 'securityfs', 'securityfs', '/sys/kernel/security']);
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/var']);
  const [, level = ''] = /\[(integrity|confidentiality)\]/.exec(readFileSync(LOCKDOWN, 'utf8')) ?? [];

  // Lockdown comes first: with signatures enforced, the kernel never asks it.
  expect(
    'lockdown: status',
    module(['status']),
    (a) => a.restrictions.lockdown === level && !a.restrictions.signaturesEnforced,
  );
  expect(
    'lockdown: unsigned',
    module(['load']),
    (a) =>
      a.status === 4 &&
      a.error.code === 'lockdown' &&
      a.error.why.includes('takes signed modules only') &&
      a.error.next.includes('mokutil --import'),
  );
  writeFileSync('/sys/module/module/parameters/sig_enforce', 'Y');
  expect('signatures enforced: status', module(['status']), (a) => a.restrictions.signaturesEnforced);
  expect(
    'signatures enforced: unsigned',
    module(['load']),
    (a) =>
      a.status === 4 &&
      a.error.code === 'signature-refused' &&
      a.error.why.includes('not signed') &&
      a.error.next.includes('mokutil --import'),
  );
  execFileSync('cp', ['/signed.ko', `${installedModules()}/mpu.ko`]);
  expect(
    'signatures enforced: a key that is not enrolled',
    module(['load']),
    (a) => a.status === 4 && a.error.code === 'signature-refused' && a.error.why.includes('does not know'),
  );
  expect('uninstall', module(['uninstall']), (a) => a.ok && a.removed.some((path) => path.endsWith('extra/mpu.ko')));
  writeFileSync('/proc/sys/kernel/modules_disabled', '1');
  expect(
    'modules disabled',
    module(['status']),
    (a) => a.restrictions.modulesDisabled && a.installed.length === 0 && !a.atBoot,
  );
}
