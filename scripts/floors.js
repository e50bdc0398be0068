// SPDX-License-Identifier: GPL-2.0-only
/**
 * ESLint rules that hold the table of floors in docs/internals.md: a file of src/ imports from its own room and from
 * floors below, and no files import each other in a circle.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

/** Reads the rooms of each floor from the table, the top floor first. */
export function readFloors(markdown = readFileSync(join(root, 'docs', 'internals.md'), 'utf8')) {
  const [, section = ''] = markdown.split('## Floors\n');
  const floors = [...section.matchAll(/^\| (\d+) \| ([^|]*) \|/gm)].map(([, , rooms]) =>
    [...rooms.matchAll(/`([^`]+)`/g)].map(([, room]) => room),
  );
  if (floors.length === 0) throw new Error('docs/internals.md has no table of floors');
  return floors;
}

/** Returns the room of a file in src/: a directory of src/ or src/lib, or a file that lies loose in one of them. */
export function roomOf(file) {
  const parts = relative(join(root, 'src'), file).split(sep);
  if (parts[0] === 'lib') parts.shift();
  return parts[0].replace(/\.ts$/, '');
}

/** Returns the path of the source that a relative import names; undefined for any other import. */
function importedFile(file, specifier) {
  return specifier.startsWith('.') ? join(dirname(file), specifier).replace(/\.js$/, '.ts') : undefined;
}

function importVisitor(check) {
  const visit = (node) => node.source && check(node, node.source.value);
  return {
    ImportDeclaration: visit,
    ExportNamedDeclaration: visit,
    ExportAllDeclaration: visit,
    ImportExpression: visit,
  };
}

const floorsRule = {
  meta: { type: 'problem', schema: [], messages: { up: '{{why}} (docs/internals.md, "Floors")' } },
  create(context) {
    const floors = readFloors();
    const floorOf = (room) => floors.findIndex((rooms) => rooms.includes(room));
    const from = roomOf(context.filename);
    return {
      Program(node) {
        if (floorOf(from) === -1) context.report({ node, messageId: 'up', data: { why: `${from} has no floor` } });
      },
      ...importVisitor((node, specifier) => {
        const target = typeof specifier === 'string' ? importedFile(context.filename, specifier) : undefined;
        if (target === undefined) return;
        const to = roomOf(target);
        if (to === from || floorOf(to) > floorOf(from)) return;
        context.report({
          node,
          messageId: 'up',
          data: { why: `${from} may not import ${to}: it is not on a lower floor` },
        });
      }),
    };
  },
};

/** Returns the relative imports of a source; kept, because every file of a circle is reached from many others. */
const imports = new Map();
function importsOf(file) {
  const known = imports.get(file);
  if (known !== undefined) return known;
  const text = file.endsWith('.ts') && existsSync(file) ? readFileSync(file, 'utf8') : '';
  const found = [...text.matchAll(/^(?:import|export)\b[^;'"]*?(?:from )?'(\.[^']+)'/gm)].map(([, specifier]) =>
    importedFile(file, specifier),
  );
  imports.set(file, found);
  return found;
}

/** Returns the way along imports from one file to another; undefined when there is none. */
function wayBetween(from, to, seen = new Set()) {
  if (from === to) return [from];
  seen.add(from);
  for (const next of importsOf(from)) {
    if (seen.has(next)) continue;
    const way = wayBetween(next, to, seen);
    if (way !== undefined) return [from, ...way];
  }
  return undefined;
}

const circleRule = {
  meta: { type: 'problem', schema: [], messages: { circle: 'imports in a circle: {{way}}' } },
  create(context) {
    return importVisitor((node, specifier) => {
      const target = typeof specifier === 'string' ? importedFile(context.filename, specifier) : undefined;
      const way = target === undefined ? undefined : wayBetween(target, context.filename);
      if (way === undefined) return;
      const names = [context.filename, ...way].map((file) => relative(root, file)).join(' -> ');
      context.report({ node, messageId: 'circle', data: { way: names } });
    });
  },
};

export default { rules: { floors: floorsRule, 'no-circle': circleRule } };
