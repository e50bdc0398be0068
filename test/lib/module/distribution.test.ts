// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { compilerCommand, familyOf } from '#mpu/lib/module/distribution.js';

await t.test('distributions and their packages', (t) => {
  for (const [text, family] of [
    ['ID=debian', 'debian'],
    ['ID=pop\nID_LIKE="ubuntu debian"', 'debian'],
    ['ID="rocky"\nID_LIKE="rhel centos fedora"', 'redhat'],
    ['NAME=x\nID="opensuse-leap"\nID_LIKE="suse opensuse"', 'suse'],
    ['ID=alpine', 'alpine'],
    ['ID=arch', 'arch'],
    ['ID=plan9', 'unknown'],
    ['', 'unknown'],
  ] as const) {
    t.equal(familyOf(text), family, text);
  }
  t.equal(compilerCommand('debian', 'gcc-14'), 'apt-get install gcc-14 make');
  t.equal(compilerCommand('suse', 'gcc-7'), 'zypper install gcc7 make');
  t.equal(compilerCommand('redhat', 'clang-16'), 'dnf install clang make');
  t.end();
});
