// SPDX-License-Identifier: GPL-2.0-only
import { chmod, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { copyAtomic, replaceFile, writeIfChanged } from '#mpu/lib/system/replace-file.js';

await t.test('a file is replaced as a whole, or not at all', async (t) => {
  const directory = t.testdir({ file: 'old' });
  const path = join(directory, 'file');
  const others: string[] = [];
  await replaceFile(path, 0o600, async (file) => {
    await file.writeFile('new');
    others.push(...(await readdir(directory)).filter((name) => name !== 'file'));
    t.equal(await readFile(path, 'utf8'), 'old');
  });
  t.equal(await readFile(path, 'utf8'), 'new');
  const failing = replaceFile(path, 0o600, async (file) => {
    await file.writeFile('half');
    others.push(...(await readdir(directory)).filter((name) => name !== 'file'));
    throw new Error('full');
  });
  await t.rejects(failing, { message: 'full' });
  t.same(await readdir(directory), ['file'], 'nothing is left behind');
  t.equal(await readFile(path, 'utf8'), 'new');
  t.equal(new Set(others).size, 2, 'each has a name of its own');
});

await t.test('what somebody else is writing stays', async (t) => {
  const directory = t.testdir();
  const path = join(directory, 'file');
  // What a process of the same id in another container may have called it.
  const other = `${path}.mpu-${process.pid}`;
  await writeFile(other, 'theirs');
  await replaceFile(path, 0o644, (file) => file.writeFile('ours'));
  await t.rejects(
    replaceFile(path, 0o644, () => Promise.reject(new Error('full'))),
    { message: 'full' },
  );
  t.equal(await readFile(other, 'utf8'), 'theirs');
  t.equal(await readFile(path, 'utf8'), 'ours');
});

await t.test('a copy has the data and permissions of its source, whatever the umask', async (t) => {
  const directory = t.testdir({ source: 'data' });
  const [source, target] = [join(directory, 'source'), join(directory, 'target')];
  await chmod(source, 0o644);
  const umask = process.umask(0o077);
  t.teardown(() => process.umask(umask));
  await copyAtomic(source, target);
  t.equal(await readFile(target, 'utf8'), 'data');
  t.equal((await stat(target)).mode & 0o777, 0o644);
  await t.rejects(copyAtomic(join(directory, 'missing'), target), { code: 'file-error' });
  t.same((await readdir(directory)).sort(), ['source', 'target'], 'nothing is left behind');
});

await t.test('a file that has those bytes already is left alone', async (t) => {
  const path = join(t.testdir(), 'new', 'file');
  t.equal(await writeIfChanged(path, 'one'), true);
  const before = await stat(path);
  t.equal(await writeIfChanged(path, 'one'), false);
  t.equal((await stat(path)).ino, before.ino);
  t.equal(await writeIfChanged(path, 'two'), true);
  t.equal(await readFile(path, 'utf8'), 'two');
});
