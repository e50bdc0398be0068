// SPDX-License-Identifier: GPL-2.0-only
/** scripts/install-packages.sh with sources in a bad state. dpkg is a program that only writes down what it gets. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '#mpu/lib/package/root.js';
import { addPackage, indexOf, mirrorOf } from '../support/apt-repository.js';
import { lacking } from '../support/engines.js';
import { run, type Ended } from '../support/mpu.js';

const SCRIPT = join(packageRoot, 'scripts', 'install-packages.sh');
const skip = (await lacking(['apt-get', 'dpkg'])) || (process.getuid?.() !== 0 && 'NOT TESTED: apt-get needs root');

const directory = t.testdir({ repository: {} });
const repository = join(directory, 'repository');

/** Runs the script with apt's state in a directory of its own. */
async function install(name: string, sources: string[], retries: number, packages: string[]): Promise<Ended> {
  const state = join(directory, name);
  await mkdir(join(state, 'lists', 'partial'), { recursive: true });
  await mkdir(join(state, 'cache', 'archives', 'partial'), { recursive: true });
  await writeFile(join(state, 'status'), '');
  await writeFile(join(state, 'sources.list'), `${sources.join('\n')}\n`);
  await writeFile(join(state, 'dpkg'), `#!/bin/sh\necho "$@" >>${join(state, 'installed')}\n`, { mode: 0o755 });
  const settings = {
    'APT::Sandbox::User': 'root',
    'APT::Architecture': 'amd64',
    'APT::Architectures': 'amd64',
    'Acquire::Languages': 'none',
    'Acquire::Retries': String(retries),
    'Dir::Bin::dpkg': join(state, 'dpkg'),
    'Dir::Cache': join(state, 'cache'),
    'Dir::Etc::sourcelist': join(state, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Log': state,
    'Dir::State': state,
    'Dir::State::status': join(state, 'status'),
  };
  const config = Object.entries(settings).map(([key, value]) => `${key} "${value}";\n`);
  await writeFile(
    join(state, 'apt.conf'),
    `${config.join('')}#clear DPkg::Pre-Install-Pkgs;\n#clear DPkg::Post-Invoke;\n#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n`,
  );
  return run(SCRIPT, packages, { env: { ...process.env, APT_CONFIG: join(state, 'apt.conf') } });
}
const installed = (name: string): Promise<string> =>
  readFile(join(directory, name, 'installed'), 'utf8').catch(() => '');

await t.test('packages', { skip }, async (t) => {
  for (const name of ['tool', 'other']) {
    await addPackage(repository, indexOf('stable', 'amd64'), { name, architecture: 'amd64' });
  }
  const good = `deb [trusted=yes] file:${repository} stable main`;

  await t.test('a source that is broken, and a package that none has', async (t) => {
    const gone = `deb [trusted=yes] file:${repository} gone main`;
    const ended = await install('part', [good, gone], 0, ['tool', 'absent', 'other']);
    t.match(ended, { status: 0, stderr: /could not read all of its sources[^]*gone[^]*has absent; what needs them/ });
    t.match(await installed('part'), /--unpack[^\n]*tool_1/);
    t.match(await installed('part'), /other_1/);
  });
  await t.test('a mirror that refuses connections for a while', async (t) => {
    const mirror = await mirrorOf(repository, { refusesFor: 1_500 });
    t.teardown(() => mirror.close());
    const ended = await install('refused', [`deb [trusted=yes] ${mirror.url} stable main`], 6, ['tool']);
    t.match(ended, { status: 0, stderr: /does not answer; trying again in 1 s/ });
    t.match(await installed('refused'), /tool_1/);
  });
  await t.test('a mirror without the index', async (t) => {
    const mirror = await mirrorOf(repository, { failures: 9, status: 404 });
    t.teardown(() => mirror.close());
    const source = `deb [trusted=yes] ${mirror.url} stable main`;
    const ended = await install('without', [source], 0, ['tool']);
    t.match(ended, { status: 0, stderr: /no package source of this system has tool/ }, 'no index, no package');
    t.equal(await installed('without'), '');
  });
});
