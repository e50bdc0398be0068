// SPDX-License-Identifier: GPL-2.0-only
/** The parts of src/lib/module that decide without touching a system. */
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { MpuError } from '#mpu/lib/errors.js';
import { compilerCommand, familyOf } from '#mpu/lib/module/distribution.js';
import { parseDkmsStatus } from '#mpu/lib/module/dkms.js';
import { Host } from '#mpu/lib/system/host.js';
import { insmodError, type InsmodFailure } from '#mpu/lib/module/insmod.js';
import { parseCompiler, parseConfig } from '#mpu/lib/module/kernel-build.js';
import { loadModule, unloadModule } from '#mpu/lib/module/load.js';
import { parseModinfo } from '#mpu/lib/module/module-file.js';
import { parseLockdown, readRestrictions } from '#mpu/lib/module/restrictions.js';
import { sourceVersion } from '#mpu/lib/module/source.js';
import { rollBackOnFailure } from '#mpu/lib/system/rollback.js';
import type { ModuleState } from '#mpu/lib/translator.js';

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

await t.test('compilers as kernels name them', (t) => {
  for (const [text, wanted] of [
    ['gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0', { kind: 'gcc', major: 12 }],
    ['x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0', { kind: 'gcc', major: 14 }],
    ['x86_64-linux-gnu-gcc-13 (Ubuntu 13.3.0-6ubuntu2~24.04) 13.3.0', { kind: 'gcc', major: 13 }],
    ['gcc (GCC) 11.5.0 20240719 (Red Hat 11.5.0-2)', { kind: 'gcc', major: 11 }],
    ['aarch64-buildroot-linux-gnu-gcc.br_real (Buildroot 2022.08) 11.3.0', { kind: 'gcc', major: 11 }],
    ['aarch64-openeuler-linux-gnu-gcc (crosstool-NG 1.26.0) 12.3.1 20230508', { kind: 'gcc', major: 12 }],
    ['x86_64-linux-gcc (Vendor 9.1 (build 3.2)) 10.3.0', { kind: 'gcc', major: 10 }],
    ['gcc version 8.5.0 20210514 (Red Hat 8.5.0-22) (GCC)', { kind: 'gcc', major: 8 }],
    ['Android (7284624, based on r416183b1) clang version 12.0.5 (https://x.test 2.0)', { kind: 'clang', major: 12 }],
    ['gcc (SUSE Linux) 7.5.0', { kind: 'gcc', major: 7 }],
    ['Ubuntu clang version 18.1.3 (1ubuntu1)', { kind: 'clang', major: 18 }],
    ['clang version 16.0.6', { kind: 'clang', major: 16 }],
    ['tcc', undefined],
  ] as const) {
    t.same(parseCompiler(text), wanted, text);
  }
  const config = parseConfig(
    'CONFIG_MODULES=y\n# CONFIG_X is not set\nCONFIG_MODULE_SIG_HASH="sha512"\nCONFIG_Y=sha256\n',
  );
  t.same(
    [...config],
    [
      ['CONFIG_MODULES', 'y'],
      ['CONFIG_MODULE_SIG_HASH', 'sha512'],
      ['CONFIG_Y', 'sha256'],
    ],
  );
  t.end();
});

await t.test('dkms status, versions 2 and 3', (t) => {
  t.same(parseDkmsStatus('mpu, 0.1.0, 5.10.0-8-amd64, x86_64: installed\nmpu, 0.2.0: added\nother/1: added\n'), [
    { version: '0.1.0', kernel: '5.10.0-8-amd64', state: 'installed' },
    { version: '0.2.0', state: 'added' },
  ]);
  t.same(
    parseDkmsStatus(
      'mpu/0.1.0, 6.1.0-9-amd64, x86_64: installed (WARNING! Diff between built and installed module!)\nmpu/0.1.0: added',
    ),
    [
      { version: '0.1.0', kernel: '6.1.0-9-amd64', state: 'installed' },
      { version: '0.1.0', state: 'added' },
    ],
  );
  t.same(parseDkmsStatus(''), []);
  t.end();
});

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

await t.test('Secure Boot and lockdown', async (t) => {
  const variable = 'SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';
  const root = (value: Buffer | undefined): Promise<Host> =>
    Host.open({
      root: t.testdir({
        proc: { sys: { kernel: { osrelease: '6.1.0-9-amd64\n', modules_disabled: '0\n' } } },
        sys: {
          kernel: { security: { lockdown: 'none [integrity] confidentiality\n' } },
          module: { module: { parameters: { sig_enforce: 'Y\n' } } },
          firmware: {
            efi: { fw_platform_size: '64', ...(value === undefined ? {} : { efivars: { [variable]: value } }) },
          },
        },
      }),
    });
  const restrictions = { lockdown: 'integrity', signaturesEnforced: true, modulesDisabled: false };
  t.same(await readRestrictions(await root(Buffer.from([6, 0, 0, 0, 1]))), { ...restrictions, secureBoot: 'on' });
  t.same(await readRestrictions(await root(Buffer.from([6, 0, 0, 0, 0]))), { ...restrictions, secureBoot: 'off' });
  t.same(await readRestrictions(await root(undefined)), { ...restrictions, secureBoot: 'unknown' });
  t.equal(parseLockdown('[none] integrity confidentiality'), 'none');
  t.equal(parseLockdown(undefined), 'unknown');
});

await t.test('paths of another root', async (t) => {
  const root = t.testdir({ usr: { lib: { modules: {} }, src: { headers: {} } } });
  await symlink('usr/lib', join(root, 'lib'));
  await symlink('/usr/src/headers', join(root, 'usr/lib/modules/build'));
  await symlink('loop', join(root, 'loop'));
  const host = await Host.open({ root, kernel: '6.1.0-9-amd64' });
  t.equal(
    await host.resolve('/lib/modules/build/Makefile'),
    join(root, 'usr/src/headers/Makefile'),
    'absolute links stay below the root',
  );
  t.equal(await host.resolve('/lib/modules/build/../../../../../etc'), join(root, 'etc'), 'nothing leads out of it');
  await t.rejects(host.resolve('/loop'), { code: 'file-error' });
  await t.rejects(Host.open({ root, kernel: 'x; rm -rf /' }), { code: 'usage' });
  await t.rejects(Host.open({ root: join(root, 'none') }), { code: 'usage' });
});

await t.test('files that are no modules have no modinfo', (t) => {
  t.equal(parseModinfo(Buffer.from('hello')).size, 0);
  t.equal(parseModinfo(Buffer.concat([Buffer.from('\x7fELF\x02\x01', 'latin1'), Buffer.alloc(10)])).size, 0);
  t.equal(parseModinfo(Buffer.concat([Buffer.from('\x7fELF\x02\x01', 'latin1'), Buffer.alloc(100, 0xff)])).size, 0);
  t.end();
});

await t.test('changes are taken back, last first', async (t) => {
  const done: string[] = [];
  const step =
    (name: string): (() => Promise<void>) =>
    () => {
      done.push(name);
      return name === 'second' ? Promise.reject(new Error('cannot')) : Promise.resolve();
    };
  await t.rejects(
    rollBackOnFailure((undo) => {
      for (const name of ['first', 'second', 'third']) undo.push(step(name));
      return Promise.reject(new Error('failed'));
    }),
    { message: 'failed' },
  );
  t.same(done, ['third', 'second', 'first']);
  t.equal(await rollBackOnFailure(() => Promise.resolve(7)), 7);
});

await t.test('a module that answers', async (t) => {
  const root = t.testdir({
    proc: {
      modules: 'mpu 16384 0 - Live 0x0 (OE)\n',
      sys: { kernel: { osrelease: '6.1.0-9-amd64\n' } },
      self: { status: 'CapEff:\t0\n' },
    },
    sys: { kernel: {}, module: { mpu: { version: '0.1.0\n' } } },
  });
  const host = await Host.open({ root });
  const state: ModuleState = {
    version: await sourceVersion(),
    abi: 1,
    features: ['translate'],
    maxPids: 4096,
    intercept: 'absent',
    generation: '1',
  };
  t.match(
    await loadModule(host, { query: () => Promise.resolve(state) }),
    { outcome: 'unchanged', module: state },
    'needs no privilege',
  );
  await t.rejects(loadModule(host, { query: () => Promise.resolve({ ...state, version: '0.0.1' }) }), {
    code: 'permission-denied',
    exitCode: 4,
  });
  await t.rejects(unloadModule(host, { query: () => Promise.resolve(state) }), {
    code: 'permission-denied',
    exitCode: 4,
  });
  const noAddon = new MpuError({ code: 'addon-missing', what: 'x', why: 'y', next: 'z' });
  await t.rejects(
    unloadModule(host, { query: () => Promise.reject(noAddon) }),
    { code: 'permission-denied' },
    'told by its version',
  );
});
