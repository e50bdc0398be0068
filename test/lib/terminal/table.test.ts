// SPDX-License-Identifier: GPL-2.0-only
/** Tables, and text that others chose. */
import t from 'tap';
import { formatTable, printable } from '#mpu/lib/terminal/table.js';

await t.test('columns', (t) => {
  const columns = [{ heading: 'N', numeric: true }, { heading: 'NAME' }] as const;
  t.same(
    formatTable(columns, [
      ['1', 'one'],
      ['100', 'x'],
    ]),
    ['  N  NAME', '  1  one', '100  x'],
  );
  t.same(formatTable(columns, [['1', 'a long name']], 8), ['N  NAME', '1  a lon']);
  t.end();
});

await t.test('a command line cannot draw on the terminal', (t) => {
  t.equal(printable('evil\u001b[2J\r\n\u009b31m\u202egpj.x'), 'evil?[2J???31m?gpj.x');
  t.same(formatTable([{ heading: 'COMMAND' }], [['a\nb']]), ['COMMAND', 'a?b']);
  t.end();
});
