// SPDX-License-Identifier: GPL-2.0-only
/** kernel/netlink/mpu.yaml and kernel/uapi/mpu.h say the same: every name, every number. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { packageRoot } from '#mpu/lib/package/root.js';
import { readSpec, type AttributeSet, type Spec } from './spec.js';

const run = promisify(execFile);
const header = join(packageRoot, 'kernel', 'uapi', 'mpu.h');

const constant = (...parts: string[]): string => parts.join('').toUpperCase().replaceAll('-', '_');

/** The names that ynl makes of a spec, by its own rules, with their numbers. */
function numbersOf(document: Spec): Map<string, number> {
  const numbers = new Map<string, number>();
  for (const definition of document.definitions) {
    const prefix = `${document.name}-${definition.name}`;
    if (definition.type === 'const') numbers.set(constant(prefix), definition.value ?? NaN);
    let next = definition['value-start'] ?? 0;
    for (const entry of definition.entries ?? []) {
      next = entry.value ?? next;
      numbers.set(constant(prefix, '-', entry.name), definition.type === 'flags' ? 2 ** next : next);
      next++;
    }
  }
  for (const set of document.sets) {
    for (const attribute of set.attributes) {
      numbers.set(constant(set['name-prefix'], attribute.name), attribute.value);
    }
  }
  for (const operation of document.operations.list) {
    numbers.set(constant(document.operations['name-prefix'], operation.name), operation.value);
  }
  return numbers;
}

/** What the compiler makes of the names in the header. */
async function valuesInHeader(names: string[]): Promise<Map<string, number>> {
  const directory = await mkdtemp(join(tmpdir(), 'mpu-spec-'));
  try {
    const source = join(directory, 'values.c');
    const lines = names.map((name) => `\tprintf("${name} %lld\\n", (long long)${name});`);
    await writeFile(source, `#include <stdio.h>\n#include "${header}"\nint main(void)\n{\n${lines.join('\n')}\n}\n`);
    await run('cc', ['-o', join(directory, 'values'), source]);
    const { stdout } = await run(join(directory, 'values'));
    return new Map(
      stdout
        .trim()
        .split('\n')
        .map((line): [string, number] => {
          const [name = '', value] = line.split(' ');
          return [name, Number(value)];
        }),
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Names that the header defines, without those that only mark an end of an enum. */
async function namesInHeader(): Promise<string[]> {
  const text = (await readFile(header, 'utf8')).replace(/\/\*.*?\*\//gs, '');
  const names = [...text.matchAll(/^(?:#define\s+|\t)(MPU_\w+)\s*(?:=|,|\d)/gm)].map((match) => match[1] ?? '');
  return names.filter((name) => !/^MPU_(CMD|A|A_COUNTER)_(UNSPEC|MAX)$/.test(name));
}

const document = await readSpec();
const numbers = numbersOf(document);

await t.test('every name of the spec has its number in the header', async (test) => {
  const values = await valuesInHeader([...numbers.keys()]);
  for (const [name, number] of numbers) test.equal(values.get(name), number, name);
});

await t.test('every name of the header is in the spec', async (test) => {
  const names = await namesInHeader();
  test.ok(names.length >= 20, 'the header was understood');
  test.same([...numbers.keys()].sort(), [...names].sort());
});

await t.test('names and limits that the numbers do not show', async (test) => {
  const text = await readFile(header, 'utf8');
  test.match(text, `#define MPU_FAMILY_NAME "${document.name}"`);
  const [main] = document.sets;
  const pids = main?.attributes.find(({ name }) => name === 'pids');
  test.equal(pids?.checks?.['max-len'], 4 * (numbers.get('MPU_MAX_PIDS') ?? NaN), 'the longest list');
  const [settings] = document.subsets;
  test.match(settings, { 'subset-of': 'main', attributes: [{ name: 'intercept' }] });
  test.match(text, /MPU_CMD_SET.*?request\n \* {7}MPU_A_INTERCEPT: __u32, MPU_INTERCEPT_OFF or MPU_INTERCEPT_ON\n/s);
  const range = { min: numbers.get('MPU_INTERCEPT_OFF'), max: numbers.get('MPU_INTERCEPT_ON') };
  test.same(settings?.attributes[0]?.checks, range, 'what MPU_CMD_SET takes');
  test.equal(document.operations.list.find(({ name }) => name === 'set')?.['attribute-set'], settings?.name);
});

/** How the header calls the types of the spec. */
const TYPES: Record<string, string> = {
  string: 'string',
  u32: '__u32',
  u64: '__u64',
  nest: 'nested',
  binary: 'binary',
};

await t.test('every attribute has the type in the header that it has in the spec', async (test) => {
  const text = await readFile(header, 'utf8');
  const described = [...text.matchAll(/^ \* {7,9}(MPU_A_\w+): (\w+)/gm)].map(
    ([, name = '', type]) => `${name} ${type}`,
  );
  const wanted = (set: AttributeSet): string[] =>
    set.attributes
      .filter(({ type }) => type !== 'pad')
      .map(({ name, type }) => `${constant(set['name-prefix'], name)} ${TYPES[type] ?? '?'}`);
  const [main, counters] = document.sets;
  if (main === undefined || counters === undefined) throw new Error('the spec lacks a set');
  // Some are in several messages.
  test.same([...new Set(described)].sort(), [...wanted(main), ...wanted(counters)].sort());
  test.equal(main.attributes.find(({ name }) => name === 'counters')?.['nested-attributes'], counters.name);
  const nested = /MPU_A_COUNTERS: nested.*\n((?: \* {9}MPU_A_COUNTER_\w+:.*\n)+)/.exec(text)?.[1] ?? '';
  const names = [...nested.matchAll(/(MPU_A_COUNTER_\w+): (\w+)/g)].map(([, name, type]) => `${name} ${type}`);
  test.same(names, wanted(counters), 'the counters, in that place and order');
});

await t.test('docs/netlink.md has every error', async (test) => {
  const page = await readFile(join(packageRoot, 'docs', 'netlink.md'), 'utf8');
  const documented = new Set([...page.matchAll(/^\| `(E[A-Z]+)`/gm)].map(([, name = '']) => name));
  const comment = /\/\*\n \* The generic netlink family.*?\*\//s.exec(await readFile(header, 'utf8'))?.[0] ?? '';
  const returned = await readFile(join(packageRoot, 'kernel', 'netlink.c'), 'utf8');
  const names = [...comment.matchAll(/\b(E[A-Z]{3,})\b/g), ...returned.matchAll(/-(E[A-Z]{3,})\b/g)].map(
    ([, name = '']) => name,
  );
  // An answer that does not fit into the room that was made for it would be a mistake in the module.
  const wanted = new Set(names.filter((name) => name !== 'EMSGSIZE'));
  test.ok(wanted.size >= 6, 'both were understood');
  for (const name of wanted) test.ok(documented.has(name), name);
});

await t.test('the message tree in the header is the one of the spec', async (test) => {
  const tree = /\/\*\n \* The generic netlink family.*?\*\//s.exec(await readFile(header, 'utf8'))?.[0] ?? '';
  const operations = document.operations.list;
  for (const [index, operation] of operations.entries()) {
    const name = constant(document.operations['name-prefix'], operation.name);
    // TO_NS and TO_HOST are described together: what follows the last of them holds for both.
    const start = tree.indexOf(` *   ${name}:`);
    test.ok(start > 0, `${name} is described`);
    const described = index === 0 ? 1 : index;
    const following = operations[described + 1];
    const end = following === undefined ? undefined : tree.indexOf(` *   ${constant('mpu-cmd-', following.name)}:`);
    const [request = '', reply = ''] = tree.slice(start, end).split(' *     reply\n');
    const listed = (part: string): string[] =>
      [...part.matchAll(/^ \* {7}(MPU_A_(?!COUNTER_)\w+):/gm)].map((match) => match[1] ?? '');
    const wanted = (attributes: string[] = []): string[] =>
      attributes.map((attribute) => constant('mpu-a-', attribute));
    test.same(listed(request), wanted(operation.do.request?.attributes), `request of ${name}`);
    test.same(listed(reply), wanted(operation.do.reply?.attributes), `reply of ${name}`);
  }
});
