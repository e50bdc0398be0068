// SPDX-License-Identifier: GPL-2.0-only
/** The check that no subject of a kernel is given up unnoticed. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { checkout, run } from '../support/mpu.js';

const TAP = `TAP version 14
# Subtest: test/guest/linux-6.1.test.ts
    # Subtest: Linux 6.1
        # Subtest: netlink
            ok 1 - one
            ok 2 - two
            # Subtest: three
                ok 1 - four
                1..1
            ok 3 - three
            1..3
        ok 1 - netlink
        ok 2 - mpu module # SKIP NOT TESTED: openssl is not installed
        ok 3 - the guest ended by its own will
        1..3
    ok 1 - Linux 6.1
    1..1
ok 1 - test/guest/linux-6.1.test.ts
# Subtest: test/index.test.ts
    ok 1 - five
    1..1
ok 2 - test/index.test.ts
1..2
`;

const directory = mkdtempSync(join(tmpdir(), 'mpu-cells-'));
t.teardown(() => {
  rmSync(directory, { recursive: true });
});
const tap = join(directory, 'test.tap');
const record = join(directory, 'cells.tsv');
writeFileSync(tap, TAP);

const cells = (verb: string): ReturnType<typeof run> => run(join(checkout, 'scripts', 'cells.js'), [verb, tap, record]);

void t.test('the tables', async (t) => {
  const { status, stdout } = await cells('show');
  t.equal(status, 0);
  t.equal(stdout, 'test/guest/linux-6.1.test.ts\t5\ntest/index.test.ts\t1\n\nLinux 6.1\tnetlink\t3\n');
});

void t.test('a run that has every cell', async (t) => {
  t.equal((await cells('record')).status, 0);
  t.match(await cells('check'), { status: 0, stderr: '' });
});

for (const [name, line, wanted] of [
  ['a cell that is gone', 'Linux 7.3\tnetlink\t3', /Linux 7.3, netlink: no longer tested/],
  ['a cell that was skipped', 'Linux 6.1\tmpu module\t40', /Linux 6.1, mpu module: no longer tested/],
  ['a cell with fewer assertions', 'Linux 6.1\tnetlink\t4', /Linux 6.1, netlink: 3 assertions in place of 4/],
] as const) {
  void t.test(name, async (t) => {
    writeFileSync(record, `# kernel\tsubject\tassertions\n${line}\n`);
    const { status, stderr } = await cells('check');
    t.equal(status, 1);
    t.match(stderr, wanted);
    t.match(stderr, /scripts\/cells.js record/, 'it says what to do');
  });
}

void t.test('no run', async (t) => {
  const ended = await run(join(checkout, 'scripts', 'cells.js'), ['check', join(directory, 'none'), record]);
  t.equal(ended.status, 2);
  t.match(ended.stderr, /run: npm test/);
});
