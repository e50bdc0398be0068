// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { CLI } from './commands/gpu-host.js';
import { mpu, run } from './support/mpu.js';

await t.test('a command line that is wrong: the help of the command that was meant', async (t) => {
  for (const [args, help] of [
    [['module', 'load', '--nonsense'], 'mpu module load --help'],
    [['ps', '--nonsense'], 'mpu ps --help'],
    [['module', 'nonsense'], 'mpu module --help'],
    [['nonsense'], 'mpu --help'],
    [['--nonsense'], 'mpu --help'],
  ] as const) {
    const { status, stdout, stderr } = await mpu(args);
    t.equal(status, 2, args.join(' '));
    t.equal(stdout, '');
    t.match(stderr, `next: ${help}\n`);
  }
});

await t.test('output that cannot be written', async (t) => {
  const quoted = `'${process.execPath}' '${CLI}'`;
  const full = await run('sh', ['-c', `${quoted} --help >/dev/full`]);
  t.match(full, {
    status: 1,
    stderr: /^error: cannot write the output\n {2}why: {2}ENOSPC.*\n {2}next: free some space/,
  });
  t.notMatch(full.stderr, / at /, 'no stack trace');
  t.match(await run('sh', ['-c', `${quoted} ps --nonsense 2>/dev/full`]), { status: 2 }, 'errors that nobody can read');
  t.match(await run('sh', ['-c', `{ ${quoted} --help; echo $? >&2; } | true`]), { stderr: '0\n' });
});
