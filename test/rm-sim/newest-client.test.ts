// SPDX-License-Identifier: GPL-2.0-only
/** What nvidia-smi 580.159.04 was seen to ask an H100, and the statuses that it got. */
import t from 'tap';
import { Session } from './session.js';

const NOT_SUPPORTED = 0x56;

/** Control and size of its parameters. */
const ANSWERED = `0x205 32, 0x214 384, 0x2080014a 268, 0x20801802 16, 0x800288 4, 0x20810110 1, 0x2080014b 5,
  0x20800157 0, 0x20800133 8, 0x2080012f 1464, 0x2080852e 528, 0x2080a618 8620, 0x2080a612 11680, 0x20809009 8,
  0x20809064 520, 0x20800131 4, 0x20800102 564, 0x2080018d 3812, 0x20802096 55888`;
const REFUSED = '0x20801357 4, 0x2080852f 776';

/** Class and the class of its parent. */
const CLASSES = { '0xc639 0': 0, '0xc640 0': 0, '0x2081 0x2080': 0, '0x73 0x80': NOT_SUPPORTED };

/** Zeroed parameters that the driver refuses, before and here: no such GPU, no ring of samples. */
const INCOMPLETE = ['0x205', '0x20802096'];

await t.test('every request is answered', async (t) => {
  const session = await Session.start(['--driver', '580.159.04']);
  for (const request of ANSWERED.split(/,\s+/)) {
    const [cmd = ''] = request.split(' ');
    const wanted = INCOMPLETE.includes(cmd) ? 0x1f : 0;
    t.equal((await session.probe(`control ${request}`)).status, wanted, request);
  }
  for (const request of REFUSED.split(', ')) {
    t.equal((await session.probe(`control ${request}`)).status, NOT_SUPPORTED, request);
  }
  for (const [request, status] of Object.entries(CLASSES)) {
    t.equal((await session.probe(`class ${request}`)).status, status, `class ${request}`);
  }
  t.equal((await session.probe('control 0x214 256')).status, 0x1f, 'the probed GPUs of 570');
  await session.stop();
});

await t.test('the probed GPUs of 570', async (t) => {
  const session = await Session.start(['--driver', '570.211.01']);
  t.equal((await session.probe('control 0x214 256')).status, 0);
  t.equal((await session.probe('control 0x214 384')).status, 0x1f, 'those of 580');
  await session.stop();
});
