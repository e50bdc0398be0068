// SPDX-License-Identifier: GPL-2.0-only
/** Which directories the C sources include headers from, as docs/internals.md says ("Floors"). */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import t from 'tap';
import { packageRoot } from '#mpu/lib/package/root.js';

/** The directories that the sources of each may include from. */
const ALLOWED: Record<string, readonly string[]> = {
  kernel: ['kernel'],
  preload: ['preload', 'kernel', 'bpf/pidns-file.h'],
  bpf: ['bpf', 'preload', 'kernel'],
  client: ['client', 'preload', 'kernel'],
  'src/native': ['src/native', 'preload', 'kernel'],
};

/** Where the compilers of each look, beside the directory of the file itself. */
const SEARCHED = ['.', 'kernel', 'preload/freestanding', 'client'];

/** Finds the header of an `#include "..."`; undefined for what is not in this repository. */
function resolveInclude(file: string, name: string): string | undefined {
  return [dirname(file), ...SEARCHED]
    .map((directory) => join(directory, name))
    .find((path) => existsSync(join(packageRoot, path)));
}

function includesOf(file: string, text: string): { name: string; path: string | undefined }[] {
  return [...text.matchAll(/^[ \t]*#[ \t]*include[ \t]+"([^"]+)"/gm)].map(([, name = '']) => ({
    name,
    path: resolveInclude(file, name),
  }));
}

/** Lists the includes of a source that lead out of what its directory may include from. */
function violations(directory: string, file: string, text: string): string[] {
  const allowed = ALLOWED[directory] ?? [];
  return includesOf(file, text)
    .filter(({ path }) => path === undefined || !allowed.some((room) => !relative(room, path).startsWith('..')))
    .map(({ name }) => `${file}: ${name}`);
}

for (const directory of Object.keys(ALLOWED)) {
  await t.test(`${directory} includes only from ${ALLOWED[directory]?.join(', ') ?? ''}`, (t) => {
    const names = readdirSync(join(packageRoot, directory), { recursive: true, encoding: 'utf8' });
    const files = names.filter((name) => /\.(c|h|cc)$/.test(name) && !name.endsWith('.mod.c'));
    t.ok(files.length > 0, `${files.length} files`);
    const found = files.map((name) => join(directory, name));
    t.same(
      found.flatMap((file) => violations(directory, file, readFileSync(join(packageRoot, file), 'utf8'))),
      [],
    );
    t.end();
  });
}

await t.test('an include that leads out is found', (t) => {
  t.same(violations('kernel', 'kernel/main.c', '#include "preload/sys.h"\n#include "rm/rm.h"\n'), [
    'kernel/main.c: preload/sys.h',
  ]);
  t.same(violations('kernel', 'kernel/rm/control.c', '#include "../../preload/sys.h"\n'), [
    'kernel/rm/control.c: ../../preload/sys.h',
  ]);
  t.same(violations('preload', 'preload/ioctl.c', '#include "client/mpu-client.h"\n#include "rm/rm.h"\n'), [
    'preload/ioctl.c: client/mpu-client.h',
  ]);
  t.same(violations('preload', 'preload/ioctl.c', '#include "nowhere.h"\n'), ['preload/ioctl.c: nowhere.h']);
  t.end();
});
