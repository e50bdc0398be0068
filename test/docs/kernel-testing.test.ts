// SPDX-License-Identifier: GPL-2.0-only
/** What docs/kernel-testing.md and docs/interception.md say to type for more than the suite does, with less to do. */
import { spawnSync } from 'node:child_process';
import t from 'tap';
import { packageRoot } from '#mpu/lib/package/root.js';
import { codeBlocks } from '../support/docs.js';
import { lacking } from '../support/engines.js';

const skip = await lacking(['qemu-system-x86_64', 'make', 'gcc', 'clang', 'musl-gcc', 'setpriv']);

function type(line: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('bash', ['-euc', line], {
    cwd: packageRoot,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return { status, output: `${stdout}${stderr}` };
}

t.setTimeout(850_000);
void t.test('docs/kernel-testing.md: rounds', { skip, timeout: 850_000 }, (t) => {
  const [rounds = '', tree = '', debug = ''] = codeBlocks('docs/kernel-testing.md', 'sh');
  t.equal(rounds, 'npm run test:intercept-rounds');
  t.equal(debug, 'npm run test:debug-kernel', 'which builds a kernel, and is not typed here');
  const wrong = type(`${rounds} -- 3`);
  t.equal(wrong.status, 2, wrong.output);
  t.match(wrong.output, /^usage: npm run test:intercept-rounds/m);
  t.equal(tree, 'npm run test:kernel-tree -- ../linux', 'which builds a kernel, and is typed with what is no tree');
  const noTree = type(tree.replace('../linux', 'docs'));
  t.equal(noTree.status, 2, noTree.output);
  t.match(noTree.output, /^error: cannot build a kernel from \S+docs: .*Makefile.*\n {2}next: name the directory/m);
  const { status, output } = type(`${rounds} -- 2 6.12`);
  t.equal(status, 0, output);
  t.match(output, /^ok - Linux 6\.12\S*: on and off under load$/m);
  t.match(output, /^ok - Linux 6\.12\S*: loaded and unloaded under load$/m);
  t.match(output, /^ok - Linux 6\.12\S*: 4 of 4 cases$/m);
  t.end();
});
