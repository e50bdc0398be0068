// SPDX-License-Identifier: GPL-2.0-only
/** The manual pages: all of the command line is on them, and they are clean. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { allCommands } from '#mpu/lib/command-line/tree.js';
import { lacking } from '../../support/engines.js';
import { checkout, check, run } from '../../support/mpu.js';
import { ownCommandLine } from './program.js';

const root = ownCommandLine();
const PAGES = {
  'mpu.1': 'build/man/mpu.1',
  'mpu-module.8': 'build/man/mpu-module.8',
  'libmpu.7': 'build/man/libmpu.7',
};
const skip = await lacking(['mandoc', 'col']);

await t.test('they lint clean', { skip }, async (t) => {
  for (const [name, path] of Object.entries(PAGES)) {
    const { stdout } = await run('mandoc', ['-T', 'lint', '-W', 'warning', join(checkout, path)]);
    // The pages carry no date: they are those of a version.
    t.same(
      stdout.split('\n').filter((line) => line !== '' && !line.includes('missing date')),
      [],
      name,
    );
  }
});

await t.test('every command and flag is on its page', { skip }, async (t) => {
  const text = async (path: string): Promise<string> =>
    check('sh', ['-c', 'mandoc -T utf8 -O width=1000 "$0" | col -b -x', join(checkout, path)]);
  const pages = { mpu: await text(PAGES['mpu.1']), module: await text(PAGES['mpu-module.8']) };
  for (const { path, flags } of allCommands(root)) {
    const page = path[1] === 'module' && path.length > 2 ? pages.module : pages.mpu;
    t.match(page, path.join(' '));
    for (const { long, variable } of flags) {
      t.match(page, long, `${path.join(' ')} ${long}`);
      if (variable !== undefined) t.match(page, variable);
    }
  }
  t.match(
    pages.mpu,
    'mpu inject oci:./layout:latest && skopeo copy oci:./layout:latest-mpu docker://...',
    'examples are as they were written',
  );
  const sources = (await readdir(join(checkout, 'src'), { recursive: true })).filter((name) => name.endsWith('.ts'));
  const code = await Promise.all(sources.map((name) => readFile(join(checkout, 'src', name), 'utf8')));
  const obeyed = new Set(
    code.flatMap((text) => [...text.matchAll(/\benv\.(MPU_[A-Z_]+)/g)].map(([, name = '']) => name)),
  );
  t.ok(obeyed.has('MPU_PIDNS'), [...obeyed].join(', '));
  for (const name of obeyed) t.match(pages.mpu, name);
  t.notMatch(`${pages.mpu}${pages.module}`, /\\f|\\&/, 'no roff is left');
});

await t.test('libmpu(7) says what the library does', async (t) => {
  const page = await readFile(join(checkout, PAGES['libmpu.7']), 'utf8');
  const [environment, pidns, netlink] = await Promise.all(
    ['environment.c', 'pidns.h', 'netlink.c'].map((name) => readFile(join(checkout, 'preload', name), 'utf8')),
  );
  const named = (text: string | undefined, pattern: RegExp): string[] =>
    [...(text ?? '').matchAll(pattern)].map(([, name = '']) => name);

  const variables = named(environment, /"(MPU_\w+)="/g);
  t.ok(variables.length >= 3, variables.join(', '));
  t.same(named(page, /^\.B (MPU_\w+)$/gm), variables, 'the variables are those that it reads');
  // Those that switch something do so by the one value that is_one() takes (test/preload/rewriting.test.ts).
  const switches = named(environment, /is_one\(&matches\[(\w+)\]\)/g).map((name) => `MPU_${name}`);
  t.ok(switches.length >= 2, switches.join(', '));
  t.same(
    named(page, /^\.B (MPU_\w+)\nSet to 1: .*\nAny other value is as none\.$/gm),
    switches,
    'and what switches them',
  );
  for (const path of [
    ...named(pidns, /#define MPU_PIDNS_PATH "(.*)"/g),
    ...named(netlink, /mpu_sys_open\("(.*)"\)/g),
  ]) {
    t.match(page, new RegExp(`^\\.I ${path}$`, 'm'), path);
  }
});
