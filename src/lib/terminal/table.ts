// SPDX-License-Identifier: GPL-2.0-only
/** Tables for people. */

/** Between two columns. */
const GAP = '  ';

/** Text that others chose, such as a command line, made safe for a terminal: control characters become `?`. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, '?');
}

/** A column: its heading, and whether it holds numbers, which are set to the right. */
export interface Column {
  heading: string;
  numeric?: true;
}

/** Aligned lines, the headings first. What is longer than `width` columns is cut off at the right. */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width = Infinity,
): string[] {
  const lines = [columns.map(({ heading }) => heading), ...rows.map((row) => row.map(printable))];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => (line[index] ?? '').length)));
  return lines.map((line) =>
    columns
      .map(({ numeric }, index) => {
        const cell = line[index] ?? '';
        return numeric === true ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0);
      })
      .join(GAP)
      .trimEnd()
      .slice(0, width),
  );
}
