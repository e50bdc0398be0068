// SPDX-License-Identifier: GPL-2.0-only
/** Files below /lib/modules that cannot be read stop neither `module status` nor `module uninstall`. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { moduleStatus } from '#mpu/lib/module/status.js';
import { uninstallModule } from '#mpu/lib/module/uninstall.js';
import { Host } from '#mpu/lib/system/host.js';
import { findProgram } from '#mpu/lib/system/program.js';
import { check } from '../../support/mpu.js';

const OLD = '5.14.0-362.8.1.el9.x86_64';
const NEW = '5.14.0-427.13.1.el9.x86_64';
const BOOT = 'etc/modules-load.d/mpu.conf';
const LINK = `lib/modules/${NEW}/weak-updates/mpu.ko`;
const skip =
  process.getuid?.() !== 0
    ? 'NOT TESTED: needs root'
    : (await findProgram('depmod')) === undefined
      ? 'NOT TESTED: needs depmod, of the package kmod'
      : false;

/** A root with two kernels, mpu.ko in the older one, and the link of weak-modules to it in the newer one. */
async function makeRoot(t: Test): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'mpu-modules-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  for (const directory of [
    'etc/modules-load.d',
    'proc/sys/kernel',
    `lib/modules/${OLD}/extra`,
    `lib/modules/${NEW}/weak-updates`,
  ]) {
    await mkdir(join(root, directory), { recursive: true });
  }
  await writeFile(join(root, 'proc/sys/kernel/osrelease'), NEW);
  await writeFile(join(root, BOOT), 'mpu\n');
  const modinfo = `author=The mpu authors\\0version=0.1.0\\0vermagic=${OLD} SMP mod_unload`;
  await writeFile(
    join(root, 'm.c'),
    `__attribute__((section(".modinfo"), used)) static const char i[] = "${modinfo}";\n`,
  );
  await check('cc', ['-c', join(root, 'm.c'), '-o', join(root, `lib/modules/${OLD}/extra/mpu.ko`)]);
  await symlink(`/lib/modules/${OLD}/extra/mpu.ko`, join(root, LINK));
  return root;
}

const query = (): Promise<undefined> => Promise.resolve(undefined);
const statusOf = async (root: string) => (await moduleStatus(await Host.open({ root }), query)).installed;
const uninstall = async (root: string, onlyKernel = false) =>
  uninstallModule(await Host.open({ root }), { query, onlyKernel });

void t.test('an absolute link below another root', { skip }, async (t) => {
  const root = await makeRoot(t);
  t.match(await statusOf(root), [
    { path: join(root, `lib/modules/${OLD}/extra/mpu.ko`), ours: true, version: '0.1.0' },
    { path: join(root, LINK), release: NEW, place: 'weak-updates', ours: true, kernel: OLD },
  ]);
  const { removed, left } = await uninstall(root);
  t.same(left, []);
  for (const path of [`lib/modules/${OLD}/extra/mpu.ko`, LINK, BOOT]) {
    t.ok(removed.includes(join(root, path)), `${path} is named`);
    t.notOk(existsSync(join(root, path)), `${path} is gone`);
  }
  await t.rejects(readlink(join(root, LINK)), 'the link itself, too');
});

void t.test('a link that leads nowhere', { skip }, async (t) => {
  const root = await makeRoot(t);
  await rm(join(root, `lib/modules/${OLD}`), { recursive: true });
  t.match(await statusOf(root), [
    { ours: false, dangling: true, problem: /link to .*extra\/mpu\.ko, which does not exist/ },
  ]);
  await uninstall(root);
  await t.rejects(readlink(join(root, LINK)), 'it is removed');
  t.notOk(existsSync(join(root, BOOT)));
});

for (const [name, data, why] of [
  ['an empty file', Buffer.alloc(0), 'the file is empty'],
  ['half of a file', Buffer.from('\x7fELF\x02\x01\x01'), 'it is not a kernel module'],
] as const) {
  void t.test(`${name} below another kernel`, { skip }, async (t) => {
    const root = await makeRoot(t);
    const damaged = join(root, `lib/modules/${NEW}/extra/mpu.ko`);
    await mkdir(join(damaged, '..'));
    await writeFile(damaged, data);
    const installed = await statusOf(root);
    t.equal(installed.length, 3, 'the others are listed');
    t.match(
      installed.find(({ path }) => path === damaged),
      { ours: false, problem: why },
    );
    const { left } = await uninstall(root);
    t.same(left, [{ path: damaged, why }], 'it stays, and is named');
    t.ok(existsSync(damaged));
    for (const path of [`lib/modules/${OLD}/extra/mpu.ko`, BOOT])
      t.notOk(existsSync(join(root, path)), `${path} is gone`);
  });
}

void t.test('one kernel alone', { skip }, async (t) => {
  const root = await makeRoot(t);
  const { removed } = await uninstall(root, true);
  t.ok(removed.includes(join(root, LINK)));
  t.ok(existsSync(join(root, `lib/modules/${OLD}/extra/mpu.ko`)), "the other kernel's module stays");
  t.ok(existsSync(join(root, BOOT)));
});
