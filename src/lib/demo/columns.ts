// SPDX-License-Identifier: GPL-2.0-only
/** Fitting two of nvidia-smi's wide tables on one screen without changing what they say. */

/** Characters that only fill: a stretch of columns with nothing else in it can be shortened. */
const FILLERS = ' -=_|+';
const KEPT_FILL = 2;
/** Between the two sides. */
const GAP = 3;

/**
 * Shortens stretches of columns that hold one and the same filler throughout each line, in all given texts alike, so that
 * what was aligned stays aligned. Lines are padded to one width.
 */
export function squeezeColumns(texts: readonly (readonly string[])[]): string[][] {
  const lines = texts.flat();
  const width = Math.max(0, ...lines.map((line) => line.length));
  const padded = texts.map((text) => text.map((line) => line.padEnd(width)));
  const keep: boolean[] = [];
  let stretch = 0;
  for (let column = 0; column < width; column++) {
    const fills = padded.flat().every((line) => {
      const c = line.charAt(column);
      return FILLERS.includes(c) && (column === 0 || c === line.charAt(column - 1));
    });
    stretch = fills ? stretch + 1 : 0;
    keep.push(stretch < KEPT_FILL);
  }
  return padded.map((text) =>
    text.map((line) =>
      Array.from(line)
        .filter((_, column) => keep[column])
        .join(''),
    ),
  );
}

/** One side of a comparison: blocks of lines under a title. Each block is aligned with its counterpart alone. */
export interface Side {
  title: string;
  blocks: readonly (readonly string[])[];
}

/** Two sides next to each other; below each other where `width` columns are too few. */
export function besideEachOther(left: Side, right: Side, width: number): string[] {
  const pairs = left.blocks.map((block, i) => squeezeColumns([block, right.blocks[i] ?? []]));
  const [ours, theirs] = [left, right].map(({ title }, side) => [title, ...pairs.flatMap((pair) => pair[side] ?? [])]);
  if (ours === undefined || theirs === undefined) return [];
  const column = Math.max(...ours.map((line) => line.trimEnd().length));
  if (column + GAP + Math.max(...theirs.map((line) => line.length)) > width) {
    return [...ours, '', ...theirs].map((line) => line.trimEnd());
  }
  const rows: string[] = [];
  for (const [index, pair] of [[[left.title], [right.title]], ...pairs].entries()) {
    const [one = [], other = []] = pair;
    const height = Math.max(one.length, other.length);
    if (index > 1) rows.push('');
    for (let i = 0; i < height; i++)
      rows.push(`${(one[i] ?? '').trimEnd().padEnd(column + GAP)}${other[i] ?? ''}`.trimEnd());
  }
  return rows;
}

/** The process part of nvidia-smi's table, frame included. */
export function processBox(table: string): string[] {
  const lines = table.split('\n').map((line) => line.trimEnd());
  const heading = lines.findIndex((line) => line.startsWith('| Processes:'));
  if (heading < 1) return lines.filter((line) => line !== '');
  return lines.slice(heading - 1).filter((line) => line !== '');
}
