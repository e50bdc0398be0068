// SPDX-License-Identifier: GPL-2.0-only
/** Python packages from an index that is down for a while, or that does not have them. */
import { execFile } from 'node:child_process';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { mirrorOf } from './apt-repository.js';
import { lacking } from './engines.js';
import { pythonPackages } from './pip.js';

const WHEEL = 'tool-1.0-py3-none-any.whl';

/** Makes an index with one package, `tool` 1.0. */
async function makeIndex(directory: string): Promise<void> {
  const files = {
    'tool.py': 'ANSWER = 42\n',
    'tool-1.0.dist-info/METADATA': 'Metadata-Version: 2.1\nName: tool\nVersion: 1.0\n',
    'tool-1.0.dist-info/WHEEL': 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    'tool-1.0.dist-info/RECORD': '',
  };
  const index = join(directory, 'simple', 'tool');
  await mkdir(index, { recursive: true });
  const script =
    'import sys, json, zipfile\nwith zipfile.ZipFile(sys.argv[1], "w") as wheel:\n  for name, text in json.loads(sys.argv[2]).items(): wheel.writestr(name, text)\n';
  await promisify(execFile)('python3', ['-c', script, join(index, WHEEL), JSON.stringify(files)]);
  await writeFile(join(index, 'index.html'), `<a href="${WHEEL}">${WHEEL}</a>`);
}

await t.test('an index', { skip: await lacking(['python3', 'pip3']) }, async (t) => {
  const directory = t.testdir();
  await makeIndex(directory);
  const { PIP_INDEX_URL: before } = process.env;
  t.teardown(() => {
    if (before === undefined) delete process.env.PIP_INDEX_URL;
    else process.env.PIP_INDEX_URL = before;
  });
  const install = (name: string, requirement = 'tool==1.0'): Promise<string> =>
    pythonPackages(join(directory, 'cache'), name, [requirement]);

  await t.test('that refuses connections for a while', async (t) => {
    const mirror = await mirrorOf(directory, { refusesFor: 1_500 });
    t.teardown(() => mirror.close());
    process.env.PIP_INDEX_URL = `${mirror.url}/simple`;
    t.equal(await readFile(join(await install('refused'), 'tool.py'), 'utf8'), 'ANSWER = 42\n');
  });
  await t.test('that is overloaded for a while, then gone', async (t) => {
    const mirror = await mirrorOf(directory, { failures: 1 });
    t.teardown(() => mirror.close());
    process.env.PIP_INDEX_URL = `${mirror.url}/simple`;
    const place = await install('overloaded');
    t.equal(await readFile(join(place, 'tool.py'), 'utf8'), 'ANSWER = 42\n');
    await mirror.close();
    t.equal(await install('overloaded'), place, 'what is cached needs no index');
  });
  await t.test('without the wanted version', async (t) => {
    const mirror = await mirrorOf(directory);
    t.teardown(() => mirror.close());
    process.env.PIP_INDEX_URL = `${mirror.url}/simple`;
    await t.rejects(install('absent', 'tool==2.0'), { message: /pip cannot fetch tool==2\.0.*No matching/s });
    await t.rejects(access(join(directory, 'cache', 'absent')), 'nothing half-written');
  });
});
