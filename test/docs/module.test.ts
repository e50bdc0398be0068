// SPDX-License-Identifier: GPL-2.0-only
/** Runs every command of docs/module.md and docs/secure-boot.md, on a system in a directory. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { lacking } from '../support/engines.js';
import { checkout, run } from '../support/mpu.js';
import { addHeaders, headersRelease, makeFixture } from '../support/module-fixture.js';

const skip = await lacking(['make', 'gcc-12', 'openssl', 'modinfo']);
const release = await headersRelease();
const updated = release.replace(/-(\d+)-/, '-999-');

/** The lines of a page's `sh` blocks. */
async function commandsOf(page: string): Promise<string[]> {
  const text = await readFile(join(checkout, 'docs', page), 'utf8');
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = '']) => block.trimEnd().split('\n'));
}

const PASS_ON = 'exec "$@"';

for (const [page, fewest] of [
  ['module.md', 10],
  ['secure-boot.md', 11],
] as const) {
  await t.test(page, { skip, timeout: 600_000 }, async (t) => {
    const directory = t.testdir();
    const mpu = `exec ${process.execPath} ${join(checkout, 'dist/cli.js')} "$@"`;
    const { root, env, calls, write } = await makeFixture(directory, release, {
      // What would change this machine, or needs one with UEFI.
      programs: {
        mpu,
        sudo: PASS_ON,
        insmod: '',
        rmmod: '',
        dmesg: '',
        reboot: '',
        mokutil: 'for f; do :; done; [ -f "$f" ] || [ -f "$root$f" ]',
      },
    });
    for (const kernel of [release, updated]) await addHeaders(root, kernel);
    await write('var/lib/dkms/mok.pub', '');
    const commands = await commandsOf(page);
    t.ok(commands.length >= fewest, `${commands.length} commands`);
    for (const command of commands) {
      // The page's /host is this system; where it names none, the variable does.
      const line = command.replaceAll('/host', root);
      const ended = await run('sh', ['-euc', line], {
        cwd: directory,
        env: { ...env, MPU_ROOT: root, NEW_KERNEL: updated },
      });
      if (command.includes(' module load'))
        t.match(ended, { status: 1, stderr: /loaded and did not answer/ }, `${command}: as far as without a kernel`);
      else if (!t.equal(ended.status, 0, command)) t.comment(ended.stderr);
    }
    const programs = new Set((await calls()).map((call) => call.split(' ')[0]));
    t.ok(programs.has('mpu') && programs.has('sudo'), 'the commands were run');
  });
}

/** The codes that a source file gives its errors. */
const codesIn = (source: string): string[] =>
  [...source.matchAll(/^.*\bcode: .*$/gm)].flatMap(([line]) =>
    [
      ...line
        .slice(line.indexOf('code: '))
        .replace(/=== '\w+'|, what.*/g, '')
        .matchAll(/'([a-z-]+)'/g),
    ].map(([, code = '']) => code),
  );

await t.test('the table has every code, and no other', async (t) => {
  const rows = [
    ...(await readFile(join(checkout, 'docs/module.md'), 'utf8')).matchAll(/^\| (`[^|]*) \| [1-4](?:, [1-4])* \|/gm),
  ];
  const documented = rows.flatMap(([, cell = '']) => [...cell.matchAll(/`([a-z-]+)`/g)].map(([, code = '']) => code));
  // Where the module is asked, and where programs are run.
  const paths = ['lib/native-addon.ts', 'lib/system/program.ts'];
  for (const directory of ['lib/module', 'commands/module']) {
    paths.push(...(await readdir(join(checkout, 'src', directory))).map((name) => join(directory, name)));
  }
  const sources = await Promise.all(paths.map((path) => readFile(join(checkout, 'src', path), 'utf8')));
  const usage = sources.some((source) => source.includes('usageError(')) ? ['usage'] : [];
  t.same([...new Set(documented)].sort(), [...new Set([...sources.flatMap(codesIn), ...usage, 'query-failed'])].sort());
  t.equal(new Set(documented).size, documented.length, 'each once');
});
