// SPDX-License-Identifier: GPL-2.0-only
/** The choice of a kernel among the packages of an archive that is in the middle of a publication. */
import t from 'tap';
import { kernelsAmong } from './kernel-packages.js';

/** The packages of a kernel as Debian 12 names them; `parts` says which are there. */
const bookworm = (abi: string, parts: readonly string[], flavour = 'cloud', architecture = 'amd64'): string[] => {
  const names: Record<string, string> = {
    headers: `linux-headers-${abi}-${flavour}-${architecture}`,
    common: `linux-headers-${abi}-common${flavour === 'rt' ? '-rt' : ''}`,
    signed: `linux-image-${abi}-${flavour}-${architecture}`,
    unsigned: `linux-image-${abi}-${flavour}-${architecture}-unsigned`,
    debug: `linux-image-${abi}-${flavour}-${architecture}-dbg`,
  };
  return parts.map((part) => names[part] ?? part);
};
const KBUILD = 'linux-kbuild-6.1';
const ALL = ['headers', 'common', 'signed', 'unsigned', 'debug'];

await t.test('the newest whose packages are all there', (t) => {
  const old = bookworm('6.1.0-9', ALL);
  const complete = (...newer: string[]): string[] =>
    kernelsAmong([KBUILD, ...newer, ...old], '6.1', 'cloud', 'amd64').complete.map(({ release }) => release);

  t.same(complete(), ['6.1.0-9-cloud-amd64']);
  t.same(complete(...bookworm('6.1.0-57', ALL)), ['6.1.0-57-cloud-amd64', '6.1.0-9-cloud-amd64'], 'by number');
  for (const parts of [['headers'], ['headers', 'common'], ['headers', 'common', 'debug'], ['headers', 'signed']]) {
    t.same(
      complete(...bookworm('6.1.0-57', parts)),
      ['6.1.0-9-cloud-amd64'],
      `only ${parts.join(', ')} of a newer one`,
    );
  }
  t.same(
    complete(...bookworm('6.1.0-57', ['common', 'signed', 'unsigned'])),
    ['6.1.0-9-cloud-amd64'],
    'no headers yet',
  );
  t.end();
});

await t.test('the image, signed or not', (t) => {
  const image = (...parts: string[]): string | undefined =>
    kernelsAmong([KBUILD, ...bookworm('6.1.0-57', ['headers', 'common', ...parts])], '6.1', 'cloud', 'amd64')
      .complete[0]?.image;
  t.equal(image('unsigned'), 'linux-image-6.1.0-57-cloud-amd64-unsigned', 'before it is signed');
  t.equal(image('unsigned', 'signed'), 'linux-image-6.1.0-57-cloud-amd64');
  t.equal(
    image('signed', 'linux-binary-6.1.0-57-cloud-amd64'),
    'linux-binary-6.1.0-57-cloud-amd64',
    'the one with the files',
  );
  t.equal(image(), undefined);
  t.end();
});

await t.test('says what is missing', (t) => {
  t.same(kernelsAmong(bookworm('6.1.0-57', ['headers']), '6.1', 'cloud', 'amd64'), {
    complete: [],
    incomplete: [
      {
        release: '6.1.0-57-cloud-amd64',
        missing: [
          'linux-headers-6.1.0-57-common',
          'linux-kbuild-6.1.0-57 or linux-kbuild-6.1',
          'linux-binary-6.1.0-57-cloud-amd64 or linux-image-6.1.0-57-cloud-amd64 or linux-image-6.1.0-57-cloud-amd64-unsigned',
        ],
      },
    ],
  });
  t.same(kernelsAmong([], '6.1', 'cloud', 'amd64'), { complete: [], incomplete: [] });
  t.end();
});

await t.test('flavours and architectures', (t) => {
  const names = [
    KBUILD,
    ...bookworm('6.1.0-57', ALL),
    ...bookworm('6.1.0-56', ALL, 'rt'),
    // Its common headers are another package than those of 6.1.0-57.
    ...bookworm('6.1.0-57', ['headers', 'signed'], 'rt'),
    ...bookworm('6.1.0-55', ALL, 'cloud', 'arm64'),
  ];
  const { complete } = kernelsAmong(names, '6.1', 'rt', 'amd64');
  t.match(complete, [{ release: '6.1.0-56-rt-amd64', common: 'linux-headers-6.1.0-56-common-rt' }]);
  t.equal(complete.length, 1);
  t.match(kernelsAmong(names, '6.1', 'cloud', 'arm64').complete, [{ release: '6.1.0-55-cloud-arm64' }]);
  t.end();
});

await t.test('names of newer and of backported kernels', (t) => {
  const set = (abi: string): string[] => [
    `linux-headers-${abi}-cloud-amd64`,
    `linux-headers-${abi}-rt-amd64`,
    `linux-headers-${abi}-common`,
    `linux-kbuild-${abi}`,
    `linux-binary-${abi}-cloud-amd64`,
    `linux-binary-${abi}-rt-amd64`,
  ];
  const names = ['7.3', '7.3.4+deb13', '7.3.10+deb13', '7.3.10+deb13.1', '7.30.1+deb13'].flatMap(set);
  t.same(
    kernelsAmong(names, '7.3', 'cloud', 'amd64').complete.map(({ release }) => release),
    ['7.3.10+deb13.1-cloud-amd64', '7.3.10+deb13-cloud-amd64', '7.3.4+deb13-cloud-amd64'],
    'not a candidate, not another series',
  );
  t.match(kernelsAmong(names, '7.3', 'rt', 'amd64').complete, [{ common: 'linux-headers-7.3.10+deb13.1-common' }]);
  const backported = [KBUILD, ...bookworm('6.1.0-0.deb11.52', ALL)];
  t.match(kernelsAmong(backported, '6.1', 'cloud', 'amd64').complete, [{ release: '6.1.0-0.deb11.52-cloud-amd64' }]);
  t.end();
});
