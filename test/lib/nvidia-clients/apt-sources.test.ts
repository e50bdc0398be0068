// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import {
  debianMirrors,
  parseDeb822Sources,
  parseOneLineSources,
  type AptSource,
} from '#mpu/lib/nvidia-clients/apt-sources.js';

const source = (parts: Partial<AptSource>): AptSource => ({
  uris: ['http://mirror.test/debian'],
  suites: ['bookworm'],
  components: ['main'],
  signedBy: undefined,
  trusted: false,
  ...parts,
});

await t.test('one-line sources', (t) => {
  const text = `# deb http://comment.test/debian bookworm main
deb http://mirror.test/debian bookworm main non-free # trailing
deb-src http://mirror.test/debian bookworm main
  deb [arch=amd64 signed-by=/k.gpg trusted=yes] http://other.test/x sid main
deb [ trusted=no ] file:/srv/repository ./
deb
`;
  t.same(parseOneLineSources(text), [
    source({ components: ['main', 'non-free'] }),
    source({ uris: ['http://other.test/x'], suites: ['sid'], signedBy: '/k.gpg', trusted: true }),
    source({ uris: ['file:/srv/repository'], suites: ['./'], components: [] }),
  ]);
  t.same(parseOneLineSources(''), []);
  t.end();
});

await t.test('deb822 sources', (t) => {
  const text = `# a comment
Types: deb deb-src
URIs: http://mirror.test/debian http://second.test/debian
Suites: bookworm
 bookworm-updates
# in between
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Types: deb-src
URIs: http://sources.test/debian
Suites: sid

Types: deb
Enabled: no
URIs: http://off.test/debian
Suites: sid

types: deb
uris: http://lower.test/debian
suites: sid
components: main
trusted: yes
`;
  t.same(parseDeb822Sources(text), [
    source({
      uris: ['http://mirror.test/debian', 'http://second.test/debian'],
      suites: ['bookworm', 'bookworm-updates'],
      signedBy: '\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc',
    }),
    source({ uris: ['http://lower.test/debian'], suites: ['sid'], trusted: true }),
  ]);
  t.same(parseDeb822Sources(''), []);
  t.end();
});

await t.test('Debian mirrors', (t) => {
  const debian = source({});
  const vendor = source({ uris: ['http://vendor.test/linux'] });
  const engine = source({ uris: ['http://engine.test/linux/debian'], components: ['stable'] });
  const security = source({ suites: ['bookworm-security'] });
  const ubuntu = source({ uris: ['http://mirror.test/ubuntu'], suites: ['noble'] });
  t.same(debianMirrors([vendor, engine, security, debian]), [debian], "not other vendors' repositories");
  t.same(debianMirrors([vendor]), [vendor], 'a mirror by another name');
  t.same(debianMirrors([ubuntu]), [], 'none on Ubuntu');
  t.end();
});
