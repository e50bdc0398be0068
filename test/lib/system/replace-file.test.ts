// SPDX-License-Identifier: GPL-2.0-only
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { replaceFile } from '#mpu/lib/system/replace-file.js';

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
