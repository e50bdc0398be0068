// SPDX-License-Identifier: GPL-2.0-only
/** `npm run test:file`: a test by its own path or by its source file's, and what it refuses. The build has been done. */
import { join } from 'node:path';
import t from 'tap';
import { checkout, run, type Ended } from '../support/mpu.js';

const runFile = (...paths: string[]): Promise<Ended> =>
  run(process.execPath, [join(checkout, 'scripts', 'run-tests.js'), 'file', ...paths], { cwd: checkout });

for (const path of ['test/lib/terminal/table.test.ts', 'src/lib/terminal/table.ts']) {
  void t.test(path, async (t) => {
    const { status, stdout } = await runFile(path);
    t.match(stdout, /^ok +\[1\/1\] test\/lib\/terminal\/table\.test\.ts: /m, 'that test has run', { stdout });
    t.notMatch(stdout, /not ok|output\.test/, 'and no other');
    t.equal(status, 0);
  });
}

for (const [paths, message] of [
  [[], /name a test, for example: npm run test:file/],
  [['test/none.test.ts'], /there is no file test\/none\.test\.ts/],
  [['README.md'], /README\.md is not a test, and there is none at its mirrored path/],
  [['src/commands/command.ts'], /src\/commands\/command\.ts is not a test/],
] as const) {
  void t.test(`refused: ${paths.join() || 'nothing'}`, async (t) => {
    const { status, stderr } = await runFile(...paths);
    t.match(stderr, message);
    t.equal(status, 2);
  });
}
