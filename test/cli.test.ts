// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { mpu } from './support/mpu.js';

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
