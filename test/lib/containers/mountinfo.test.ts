// SPDX-License-Identifier: GPL-2.0-only
import { readFileSync } from 'node:fs';
import t from 'tap';
import { coverOf, parseMountinfo } from '#mpu/lib/containers/mountinfo.js';

const TEXT = `711 640 0:59 / / rw,relatime - overlay overlay rw,lowerdir=/a - b
712 711 0:62 / /proc rw,nosuid - proc proc rw
730 711 254:0 /srv/hami/ld.so.preload /etc/ld.so.preload ro,relatime master:1 - ext4 /dev/vda rw
731 711 254:0 /opt/with\\040space /usr/lib/mpu ro - ext4 /dev/vda rw
732 711 254:0 /second /etc/ld.so.preload ro - ext4 /dev/vda rw

not a line
`;

void t.test('mounts and what they cover', (t) => {
  const mounts = parseMountinfo(TEXT);
  t.equal(mounts.length, 5);
  t.same(
    coverOf(mounts, '/etc/ld.so.preload'),
    { point: '/etc/ld.so.preload', root: '/second', type: 'ext4' },
    'the last',
  );
  t.match(coverOf(mounts, '/usr/lib/mpu/lib/libmpu.so'), { point: '/usr/lib/mpu', root: '/opt/with space' });
  t.equal(coverOf(mounts, '/etc/ld.so.preload.d'), undefined, 'a longer name is another');
  t.equal(coverOf(mounts, '/usr/lib/mpux'), undefined);
  t.equal(coverOf(mounts, '/bin/sh'), undefined, 'the root itself covers nothing');
  t.match(coverOf(parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8')), '/proc/self/status'), {
    point: '/proc',
  });
  t.end();
});
