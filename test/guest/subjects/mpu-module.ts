// SPDX-License-Identifier: GPL-2.0-only
/** `mpu module` for real: a kernel that takes the module, refuses it, or has another one of that name. */
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { check, checkout, mpu, run } from '../../support/mpu.js';
import { attributeOf, readSpec, type Spec } from '../../kernel/spec.js';
import { addHeaders, makeFixture, makeKey } from '../../support/module-fixture.js';
import type { Kernel } from '../harness/kernels.js';
import { NODE_TOOLS } from '../harness/node-userland.js';
import type { Subject } from '../harness/subject.js';
import { packTree } from '../harness/userland.js';

/** Checks of the two programs. */
const CASES = { module: 40, locked: 7 };

/** A module of another project that has the name. */
async function buildForeign(headers: string, directory: string): Promise<string> {
  await mkdir(directory);
  await writeFile(join(directory, 'mpu.c'), '#include <linux/module.h>\nMODULE_LICENSE("GPL");\n');
  await writeFile(join(directory, 'Makefile'), 'obj-m := mpu.o\n');
  await check('make', ['-C', headers, `M=${directory}`, 'CC=gcc-12', 'modules']);
  return join(directory, 'mpu.ko');
}

/** The module as another version of mpu builds it. */
async function buildOlder(root: string, directory: string, env: NodeJS.ProcessEnv): Promise<string> {
  await mkdir(directory);
  for (const part of ['dist', 'kernel', 'package.json'])
    await cp(join(checkout, part), join(directory, part), { recursive: true });
  await symlink(join(checkout, 'node_modules'), join(directory, 'node_modules'));
  const version = join(directory, 'kernel', 'version.h');
  await writeFile(version, (await readFile(version, 'utf8')).replace(/MPU_VERSION "[^"]+"/, 'MPU_VERSION "0.0.1"'));
  const ended = await run(
    process.execPath,
    [join(directory, 'dist/cli.js'), 'module', 'build', '--root', root, '--output', join(directory, 'older.ko')],
    { env },
  );
  if (ended.status !== 0) throw new Error(ended.stderr);
  return join(directory, 'older.ko');
}

/**
 * Headers, a compiler and a make that stand in for a real build, which takes minutes in emulation: what they "build" is
 * /built.ko. test/commands/module.test.ts builds for real.
 */
async function addStandIns(tree: string, release: string): Promise<void> {
  const headers = join(tree, 'lib/modules', release, 'build');
  await mkdir(join(headers, 'include/config'), { recursive: true });
  await writeFile(join(headers, 'Makefile'), '');
  await writeFile(
    join(headers, 'include/config/auto.conf'),
    'CONFIG_MODULES=y\nCONFIG_NET=y\nCONFIG_PID_NS=y\nCONFIG_CC_VERSION_TEXT="gcc-12 (Debian 12.2.0-14) 12.2.0"\n',
  );
  await mkdir(join(tree, 'stand-ins'));
  // Where it is in the guest.
  const shell = (await check('sh', ['-c', 'command -v sh'])).trim();
  for (const [name, script] of [
    ['gcc-12', 'echo "gcc-12 (Debian 12.2.0-14) 12.2.0"'],
    ['make', 'cp /built.ko "$2/mpu.ko"'],
  ] as const) {
    await writeFile(join(tree, 'stand-ins', name), `#!${shell}\n${script}\n`, { mode: 0o755 });
  }
}

/** What test/guest/programs/sent.c has printed: every attribute that the module sends is the spec's, by number and length. */
function compareSent(t: Test, spec: Spec, lines: readonly string[]): void {
  for (const operation of spec.operations.list.filter(({ do: { reply } }) => reply !== undefined)) {
    const own = lines
      .filter((line) => line.startsWith(`${operation.value} `))
      .map((line) => line.split(' ').slice(1).map(Number));
    const names = new Map<string, string[]>();
    for (const [nest = NaN, type = NaN, length = NaN, last = NaN] of own) {
      const set =
        nest === 0 ? operation['attribute-set'] : (attributeOf(spec, 'main', nest)?.['nested-attributes'] ?? '?');
      const attribute = attributeOf(spec, set, type);
      names.set(set, [...(names.get(set) ?? []), attribute?.name ?? '?']);
      const fits: Record<string, boolean> = {
        u32: length === 4,
        u64: length === 8,
        string: length > 1 && last === 0,
        binary: length > 0 && length % 4 === 0,
        nest: length > 0,
        pad: length === 0,
      };
      t.ok(
        fits[attribute?.type ?? '?'],
        `${operation.name}: ${set} ${attribute?.name ?? type}, ${attribute?.type ?? 'unknown'}, ${length} bytes`,
      );
    }
    const sent = (set: string): string[] => (names.get(set) ?? []).filter((name) => name !== 'pad').sort();
    t.same(
      sent('main'),
      [...(operation.do.reply?.attributes ?? [])].sort(),
      `${operation.name}: all that the spec has`,
    );
    if (operation.name !== 'get') continue;
    const counters = spec.sets
      .find(({ name }) => name === 'counters')
      ?.attributes.map(({ name }) => name)
      .filter((name) => name !== 'pad');
    t.same(sent('counters'), counters?.sort(), 'all counters');
  }
}

/** Compiles the programs of `test/guest/programs`. */
async function compilePrograms(tree: string): Promise<void> {
  for (const name of ['sent', 'no-netlink']) {
    const source = join(checkout, 'test/guest/programs', `${name}.c`);
    const flags = ['-static', '-O2', '-Wall', '-Wextra', '-Werror', '-I', join(checkout, 'kernel')];
    await check('cc', [...flags, '-o', join(tree, name), source]);
  }
}

/** Builds modules of every kind, and the system that they are installed on; returns its archive. */
async function buildSystem(kernel: Kernel, scratch: string): Promise<string> {
  const { root, env } = await makeFixture(join(scratch, 'build'), kernel.release);
  await addHeaders(root, kernel.release);
  const tree = join(scratch, 'tree');
  const installed = join('lib/modules', kernel.release);
  await mkdir(join(tree, installed), { recursive: true });
  const [key, cert] = await makeKey(scratch);
  const module = async (...args: string[]): Promise<void> => {
    const ended = await mpu(['module', ...args, '--root', root], { env });
    if (ended.status !== 0) throw new Error(ended.stderr);
  };
  await cp(await buildOlder(root, join(scratch, 'older'), env), join(tree, 'older.ko'));
  await module('build', '--output', join(tree, 'built.ko'));
  await addStandIns(tree, kernel.release);
  await compilePrograms(tree);
  await module('install');
  for (const path of [join(installed, 'extra'), 'etc/modules-load.d'])
    await cp(join(root, path), join(tree, path), { recursive: true });
  await module('build', '--key', key, '--cert', cert, '--output', join(tree, 'signed.ko'));
  await cp(await buildForeign(kernel.headers, join(scratch, 'foreign')), join(tree, 'foreign.ko'));
  const archive = join(scratch, 'system.cpio');
  await packTree(tree, archive);
  return archive;
}

export const mpuModule: Subject = {
  name: 'mpu module',
  tools: [...NODE_TOOLS, 'gcc-12', 'openssl'],
  node: true,
  prepare: async (kernel, scratch) => ({
    warnings: [],
    archives: [await buildSystem(kernel, scratch)],
    tasks: [
      { subject: 'mpu-module', timeout: 1_800, cases: CASES.module },
      { subject: 'mpu-module-locked', timeout: 600, cases: CASES.locked },
    ],
    check: async (t, { result: { measurements } }) => {
      const sent = measurements.filter((line) => line.startsWith('sent ')).map((line) => line.slice('sent '.length));
      compareSent(t, await readSpec(), sent);
    },
  }),
};
