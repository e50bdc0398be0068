// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { besideEachOther, processBox, squeezeColumns } from '#mpu/lib/demo/columns.js';

void t.test('stretches that only fill are shortened, alike in all texts', (t) => {
  const squeezed = squeezeColumns([
    ['+--------+', '| a    b |'],
    ['+--------+', '| cc   d |'],
  ]);
  t.same(squeezed, [
    ['+-------+', '| a   b |'],
    ['+-------+', '| cc  d |'],
  ]);
  t.end();
});

void t.test('nothing but filler is lost', (t) => {
  const lines = [
    '|  0  N/A   N/A      12345   C   train             8192MiB |',
    '|=========================================================|',
  ];
  const [squeezed = []] = squeezeColumns([lines]);
  t.same(squeezed[0]?.split(/[ |]+/), lines[0]?.split(/[ |]+/));
  t.equal(squeezed[0]?.length, squeezed[1]?.length, 'lines stay aligned');
  t.end();
});

void t.test('two sides', (t) => {
  const left = { title: 'L', blocks: [['one', 'two'], ['x']] };
  const right = { title: 'RIGHT', blocks: [['1'], ['y', 'z']] };
  t.same(besideEachOther(left, right, 80), ['L     RIGHT', 'one   1', 'two', '', 'x     y', '      z']);
  t.same(
    besideEachOther(left, right, 8),
    ['L', 'one', 'two', 'x', '', 'RIGHT', '1', 'y', 'z'],
    'below each other where they do not fit',
  );
  t.end();
});

void t.test('the process part of a table', (t) => {
  t.same(processBox('a\n+---+\n| x |\n+---+\n\n+---+\n| Processes: |\n| 1 |\n+---+\n'), [
    '+---+',
    '| Processes: |',
    '| 1 |',
    '+---+',
  ]);
  t.same(processBox('No devices were found\n'), ['No devices were found'], 'as it is, where there is none');
  t.end();
});
