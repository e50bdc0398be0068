// SPDX-License-Identifier: GPL-2.0-only
/** Types the commands of docs/pidns.md, as they stand there, on a host with a /run of its own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { BOOT, SHUTDOWN, startHostToBoot } from '../cdi/systemd.js';
import { lackingIterator } from '../pidns/host.js';
import { codeBlocks } from '../support/docs.js';
import { checkout } from '../support/mpu.js';

t.setTimeout(180_000);

await t.test('docs/security.md names tests that exist', (t) => {
  const page = readFileSync(join(checkout, 'docs/security.md'), 'utf8');
  const named = [...page.matchAll(/`(test\/[\w./-]+)`/g)].map(([, path = '']) => path);
  t.ok(named.length > 5, named.join(', '));
  for (const path of new Set(named)) t.doesNotThrow(() => readFileSync(join(checkout, path)), path);
  t.end();
});

const skip = await lackingIterator(['unshare', 'nsenter', 'systemctl']);
await t.test('docs/pidns.md', { skip }, async (t) => {
  const blocks = codeBlocks('docs/pidns.md', 'sh');
  t.equal(blocks.length, 4);
  const [enable = '', persist = '', disable = '', alone = ''] = blocks;
  const host = await startHostToBoot();
  t.teardown(() => host.stop());
  await host.check(`printf '#!/bin/sh\\nexec "$@"\\n' >/run/mpu-bin/sudo; chmod +x /run/mpu-bin/sudo`);

  t.match(await host.check(enable), /enabled\n[^]*translator: bpf/);
  t.match(await host.check('mpu pidns disable'), /disabled/);
  t.match(await host.check(`cd ${checkout}; ${alone}`), /^bpf (direct|read)\nremoved\n$/, 'without Node.js');

  const booted = (await host.run(BOOT)).status === 0;
  await t.test('with systemd', { skip: booted ? false : 'NOT TESTED: systemd does not run here' }, async (t) => {
    t.match(await host.check(persist), /enabled/);
    t.match(await host.check(disable), /disabled\n {2}removed from the boot/);
    await host.check(SHUTDOWN);
  });
});
