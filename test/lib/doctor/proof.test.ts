// SPDX-License-Identifier: GPL-2.0-only
/** Why the live proof could not be made, in words that help. */
import { chmod, cp } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { prove } from '#mpu/lib/doctor/proof.js';
import { lacking } from '../../support/engines.js';
import { checkout } from '../../support/mpu.js';

await t.test('it is made right here', async (t) => {
  const proof = await prove([], '/proc/self/ns/pid');
  t.match(proof, { inNamespace: false, methods: { nsfs: { host: proof.pid, back: proof.pid } } });
});

await t.test('a program that is not there', async (t) => {
  await t.rejects(prove(['no-such-program'], undefined), {
    code: 'program-missing',
    why: 'no-such-program is not installed',
    next: /util-linux/,
  });
});

await t.test('a program that refuses', async (t) => {
  await t.rejects(prove(['sh', '-c', 'echo no luck >&2; exit 1'], undefined), { message: 'no luck' });
  await t.rejects(prove(['false'], undefined), { message: 'the probe said nothing' });
});

await t.test('an mpu that only root may read', { skip: await lacking(['setpriv'], true) }, async (t) => {
  const copy = t.testdir();
  for (const part of ['dist', 'package.json']) await cp(join(checkout, part), join(copy, part), { recursive: true });
  const own = (await import(pathToFileURL(join(copy, 'dist/lib/doctor/proof.js')).href)) as { prove: typeof prove };
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];
  await chmod(copy, 0o700);
  await t.rejects(own.prove(nobody, undefined), {
    code: 'probe-unreadable',
    why: /^not every user may read .*probe\.js$/,
    next: /where every user may/,
  });
});
