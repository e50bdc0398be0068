// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { parseCompiler, parseConfig } from '#mpu/lib/module/kernel-build.js';

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
