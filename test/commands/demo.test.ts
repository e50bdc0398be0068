// SPDX-License-Identifier: GPL-2.0-only
/** `mpu demo` where there is no simulation: in an installed package, and in a clone that has not been built. */
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { checkout, run } from '../support/mpu.js';

await t.test('mpu demo without its simulation', async (t) => {
  const directory = t.testdir();
  for (const name of ['dist', 'package.json'])
    await cp(join(checkout, name), join(directory, name), { recursive: true });
  await symlink(join(checkout, 'node_modules'), join(directory, 'node_modules'));
  const demo = (): ReturnType<typeof run> =>
    run(process.execPath, [join(directory, 'dist', 'cli.js'), 'demo', '--json']);

  const installed = await demo();
  t.match(installed, { status: 3, stderr: '' });
  t.match(JSON.parse(installed.stdout), {
    error: { code: 'demo-not-built', why: /clone of the repository/, next: /npm run demo/ },
  });

  await mkdir(join(directory, 'scripts'));
  await writeFile(join(directory, 'scripts', 'bootstrap.sh'), '');
  const clone = await demo();
  t.match(clone, { status: 3, stderr: '' });
  t.match(JSON.parse(clone.stdout), {
    error: { code: 'demo-not-built', why: /has not been built/, next: `npm --prefix ${directory}/ run demo` },
  });
});
