// SPDX-License-Identifier: GPL-2.0-only
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ESLint, type Linter } from 'eslint';
import t from 'tap';
import tseslint from 'typescript-eslint';
import { packageRoot } from '#mpu/lib/package/root.js';

interface Floors {
  default: ESLint.Plugin;
  readFloors: (markdown?: string) => string[][];
  roomOf: (file: string) => string;
}

const {
  default: rooms,
  readFloors,
  roomOf,
} = (await import(pathToFileURL(join(packageRoot, 'scripts', 'floors.js')).href)) as Floors;

const config: Linter.Config[] = [
  {
    files: ['**/*.ts'],
    languageOptions: { parser: tseslint.parser },
    plugins: { rooms },
    rules: { 'rooms/floors': 'error', 'rooms/no-circle': 'error' },
  },
];

/** Lints a text as if it were this file; returns what the rules complain about. */
async function lint(file: string, text: string): Promise<string[]> {
  const eslint = new ESLint({ cwd: packageRoot, overrideConfigFile: true, overrideConfig: config });
  const [result] = await eslint.lintText(text, { filePath: join(packageRoot, 'src', file) });
  return (result?.messages ?? []).map(({ ruleId, message }) => `${ruleId ?? 'parser'}: ${message}`);
}

await t.test('the table has each room of src/ once, and no other', (t) => {
  const sources = readdirSync(join(packageRoot, 'src'), { recursive: true, encoding: 'utf8' });
  const found = new Set(
    sources.filter((file) => file.endsWith('.ts')).map((file) => roomOf(join(packageRoot, 'src', file))),
  );
  t.same(readFloors().flat().sort(), [...found].sort());
  const loose = readdirSync(join(packageRoot, 'src', 'lib')).filter((name) => name.endsWith('.ts'));
  t.ok(loose.length <= 8, `${loose.length} files lie loose in src/lib: 8 at most`);
  t.throws(() => readFloors('no table'), { message: /no table of floors/ });
  t.end();
});

await t.test('the configuration of ESLint has both rules, for every file of src/', async (t) => {
  const eslint = new ESLint({ cwd: packageRoot });
  const { rules } = (await eslint.calculateConfigForFile('src/lib/system/elf.ts')) as {
    rules: Record<string, unknown[]>;
  };
  t.same([rules['rooms/floors']?.[0], rules['rooms/no-circle']?.[0]], [2, 2]);
});

await t.test('an import that runs up, or stays on its floor, is an error', async (t) => {
  const up = 'rooms/floors: system may not import oci: it is not on a lower floor (docs/internals.md, "Floors")';
  for (const text of [
    "import { readImage } from '../oci/image.js';",
    "import type { Image } from '../oci/image.js';",
    "export * from '../oci/image.js';",
    "export const image = await import('../oci/image.js');",
  ]) {
    t.same(await lint('lib/system/planted.ts', text), [up], text);
  }
  t.match(await lint('lib/gpu/planted.ts', "import '../registry/store.js';"), [/gpu may not import registry/]);
  t.match(await lint('lib/payload/planted.ts', "import '../translator.js';"), [/payload may not import translator/]);
  t.match(await lint('lib/unknown/planted.ts', ''), [/unknown has no floor/]);
});

await t.test('an import that runs down, or within a room, is none', async (t) => {
  for (const text of ["import '../image/digest.js';", "import './byte-source.js';", "import 'node:fs';"]) {
    t.same(await lint('lib/oci/planted.ts', text), [], text);
  }
});

await t.test('a circle is an error, also within a room', async (t) => {
  t.same(await lint('lib/system/file-lock.ts', "import './download-cache.js';"), [
    'rooms/no-circle: imports in a circle: ' +
      'src/lib/system/file-lock.ts -> src/lib/system/download-cache.ts -> src/lib/system/file-lock.ts',
  ]);
});
