// SPDX-License-Identifier: GPL-2.0-only
import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { makeDirectory } from '#mpu/lib/system/make-directory.js';

await t.test('directories are made with their parents', async (t) => {
  const root = t.testdir();
  t.equal(await makeDirectory(join(root, 'a', 'b', 'c'), 0o700), join(root, 'a'));
  t.equal((await stat(join(root, 'a', 'b', 'c'))).mode & 0o777, 0o700);
  t.equal(await makeDirectory(join(root, 'a', 'b', 'd')), join(root, 'a', 'b', 'd'));
  t.equal(await makeDirectory(join(root, 'a', 'b')), undefined);
  await symlink('a', join(root, 'link'));
  t.equal(await makeDirectory(join(root, 'link')), undefined);
  await writeFile(join(root, 'file'), '');
  await t.rejects(makeDirectory(join(root, 'file')), { code: 'EEXIST' });
  await t.rejects(makeDirectory(join(root, 'file', 'below')), { code: 'ENOTDIR' });
  await symlink('nowhere', join(root, 'dangling'));
  await t.rejects(makeDirectory(join(root, 'dangling', 'below')), { code: /EEXIST|ENOENT/ });
  await Promise.all(Array.from({ length: 8 }, () => makeDirectory(join(root, 'x', 'y', 'z'))));
  await t.resolves(stat(join(root, 'x', 'y', 'z')), 'by many at once');
  await t.rejects(mkdir(join(root, 'x')), { code: 'EEXIST' });
});

await t.test('it ends below /proc', { timeout: 10_000 }, async (t) => {
  await t.rejects(makeDirectory('/proc/no/cache/here'), { code: /ENOENT|EACCES|EPERM/ });
  t.equal(await makeDirectory('/proc/self'), undefined);
});
