// SPDX-License-Identifier: GPL-2.0-only
/** The library API as a project has it that depends on mpu: types, and calls, from the packed package. */
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { check, checkout, run } from './support/mpu.js';
import { packTarball } from './packaging/tarball.js';

t.setTimeout(1_200_000);

/** What a consumer may write, and, after each @ts-expect-error, what the compiler has to refuse. */
const CONSUMER = `
import { ExitCode, inject, moduleStatus, MpuError, queryModule, translate, version, type Direction, type InjectOptions, type InjectResult, type ModuleState, type ModuleStatus, type TranslateOptions } from 'mpu';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Equal<A, B>): void => {};

same<typeof translate, (pids: readonly number[], direction: Direction, options?: TranslateOptions) => Promise<number[]>>(true);
same<typeof inject, (image: string, options?: InjectOptions) => Promise<InjectResult>>(true);
same<typeof queryModule, () => Promise<ModuleState | undefined>>(true);
same<typeof version, string>(true);
same<Direction, 'to-ns' | 'to-host'>(true);

export async function use(): Promise<number> {
  const status: ModuleStatus = await moduleStatus();
  const other: ModuleStatus = await moduleStatus({ root: '/host', kernel: '6.1.0-18-amd64' });
  const abi: number | undefined = status.loaded.answer?.abi;
  const secureBoot: 'on' | 'off' | 'absent' | 'unknown' = other.restrictions.secureBoot;
  const { outcome, platforms } = await inject('team/train:7', { engine: 'docker', force: true });
  // @ts-expect-error a PID is a number
  await translate(['1'], 'to-host');
  // @ts-expect-error there are two directions
  await translate([1], 'sideways');
  // @ts-expect-error an option that does not exist
  await translate([1], 'to-ns', { methods: 'nsfs' });
  // @ts-expect-error no such engine
  await inject('team/train:7', { engine: 'lxc' });
  // @ts-expect-error no such option
  await moduleStatus({ directory: '/host' });
  // @ts-expect-error a result cannot be taken for certain
  const version: string = (await queryModule()).version;
  try {
    return (await translate([process.pid], 'to-host', { method: 'nsfs' }))[0] ?? 0;
  } catch (error) {
    if (error instanceof MpuError && error.exitCode === ExitCode.hostUnsupported) return error.next.length;
    throw [error, abi, secureBoot, outcome, platforms, version];
  }
}
`;

const PROGRAM = `
import { inject, moduleStatus, MpuError, translate, version } from 'mpu';
const options = { method: 'nsfs', pidns: '/proc/self/ns/pid' };
const failure = await inject('oci:/nonexistent:latest').catch((error) => ({ isMpuError: error instanceof MpuError, next: error.next }));
const status = await moduleStatus();
console.log(JSON.stringify({
  version, failure, pid: process.pid, running: status.running, owner: status.loaded.owner,
  host: await translate([process.pid], 'to-host', options).catch(({ code }) => code),
}));
`;

/** A project with the packed package in its node_modules, and beside it what the package depends on. */
async function consumer(directory: string): Promise<void> {
  const tarball = await packTarball(directory);
  const modules = join(directory, 'node_modules');
  mkdirSync(join(modules, 'mpu'), { recursive: true });
  await check('tar', ['-xzf', tarball, '-C', join(modules, 'mpu'), '--strip-components=1']);
  for (const name of readdirSync(join(checkout, 'node_modules')).filter(
    (entry) => !entry.startsWith('.') && entry !== 'mpu',
  )) {
    symlinkSync(join(checkout, 'node_modules', name), join(modules, name));
  }
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ type: 'module' }));
  writeFileSync(join(directory, 'consumer.ts'), CONSUMER);
  writeFileSync(join(directory, 'program.js'), PROGRAM);
}

await t.test('from the packed package', async (t) => {
  const directory = t.testdir();
  await consumer(directory);

  const options = [
    '--strict',
    '--exactOptionalPropertyTypes',
    '--noUncheckedIndexedAccess',
    '--noEmit',
    '--target',
    'es2022',
    '--module',
    'nodenext',
  ];
  const types = await run(
    process.execPath,
    [join(checkout, 'node_modules', 'typescript', 'bin', 'tsc'), ...options, '--types', 'node', 'consumer.ts'],
    { cwd: directory },
  );
  t.equal(types.stdout, '', 'the types are what a consumer expects, and refuse what they should');
  t.equal(types.status, 0);

  const ended = await run(process.execPath, ['program.js'], { cwd: directory });
  t.match(ended, { status: 0, stderr: '' });
  const said = JSON.parse(ended.stdout) as {
    version: string;
    pid: number;
    running: string;
    host: unknown;
    failure: unknown;
    owner: string;
  };
  t.match(said, { version: /^\d+\.\d+\.\d+/, running: release(), failure: { isMpuError: true, next: /./ } });
  t.match(said.owner, /^(none|mpu|foreign)$/);
  const [major = 0, minor = 0] = release().split('.').map(Number);
  const translates = major > 6 || (major === 6 && minor >= 11);
  t.same(said.host, translates ? [said.pid] : 'no-translator', 'translate() asks the kernel');
});
