// SPDX-License-Identifier: GPL-2.0-only
/** The native addon and its TypeScript side, on the kernel that runs: nsfs for real, netlink without a module. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { addonBuildCommand, nativeAddon } from '#mpu/lib/native-addon.js';
import { queryModule, translate } from '#mpu/lib/translator.js';
import { lacking } from '../support/engines.js';
import { check, checkout, run } from '../support/mpu.js';

const TRANSLATOR = join(checkout, 'dist', 'lib', 'translator.js');

// Linux 6.11 is the first whose namespace files translate.
const [major = 0, minor = 0] = release().split('.').map(Number);
const noNsfs =
  major > 6 || (major === 6 && minor >= 11)
    ? false
    : `NOT TESTED: Linux ${release()} has no translation by namespace files`;
const noModule = (await queryModule()) === undefined;

/** A program that imports the translator and prints what `body` returns, as JSON. */
const program = (body: string): string =>
  `import { translate, queryModule } from ${JSON.stringify(TRANSLATOR)};
   const result = await (async () => { ${body} })().catch(({ code, exitCode, why, next }) => ({ code, exitCode, why, next }));
   console.log(JSON.stringify(result));`;

await t.test('nsfs: a host translates to itself', { skip: noNsfs }, async (t) => {
  const pidns = '/proc/self/ns/pid';
  const options = { method: 'nsfs', pidns } as const;
  t.same(await translate([process.pid, 0, 1, 4194305, 4294967295], 'to-host', options), [process.pid, 0, 1, 0, 0]);
  t.same(await translate([process.pid], 'to-ns', options), [process.pid]);
  t.same(await translate([], 'to-ns', options), []);
  const many = Array.from({ length: 10_000 }, (_, index) => (index % 2 === 0 ? process.pid : 0));
  t.same(await translate(many, 'to-ns', options), many, 'more than one request can carry');
});

await t.test('nsfs: a container and its host', { skip: noNsfs || (await lacking(['unshare'], true)) }, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'mpu-translator-'));
  const body = `const options = { method: 'nsfs' };
    const host = await translate([process.pid], 'to-host', options);
    return { pid: process.pid, host, back: await translate([...host, ${process.pid}, 1], 'to-ns', options) };`;
  await writeFile(join(directory, 'inside.mjs'), program(body));
  // The file is of the namespace outside; the program is PID 1 of the one inside.
  const script = 'exec 9</proc/self/ns/pid; MPU_PIDNS=/proc/self/fd/9 exec unshare -pf "$0" "$1"';
  const said = await check('sh', ['-c', script, process.execPath, join(directory, 'inside.mjs')]);
  await rm(directory, { recursive: true });
  const answer = JSON.parse(said) as { pid: number; host: number[]; back: number[] };
  t.equal(answer.pid, 1);
  t.ok((answer.host[0] ?? 0) > 1, 'its number on the host');
  t.same(answer.back, [1, 0, 0], 'and back; processes outside are not there');
});

await t.test(
  'without a module and a namespace file: a typed error',
  { skip: noModule ? false : 'NOT TESTED: mpu.ko is loaded' },
  async (t) => {
    t.equal(await queryModule(), undefined);
    await t.rejects(translate([1], 'to-host', { method: 'netlink' }), {
      name: 'MpuError',
      code: 'no-translator',
      exitCode: 3,
      why: /netlink: mpu.ko is not loaded/,
      next: /mpu module load/,
    });
    await t.rejects(translate([1], 'to-host', { method: 'nsfs', pidns: '/nonexistent' }), {
      code: 'no-translator',
      why: /ENOENT/,
    });
    await t.rejects(translate([1], 'to-host', { method: 'nsfs', pidns: '/etc/passwd' }), {
      code: 'no-translator',
      why: /neither a PID namespace nor a BPF iterator/,
    });
    await t.rejects(translate([1.5], 'to-host'), { code: 'usage', exitCode: 2 });
    await t.rejects(translate([-1], 'to-host'), { code: 'usage' });
  },
);

await t.test('the default file has to be the initial namespace', async (t) => {
  const failure: unknown = await nativeAddon()
    .nsfsTranslate(Uint32Array.of(1), true, '/etc/passwd', true)
    .catch((error: unknown) => error);
  t.match(failure, { errno: 18, step: 'open' });
});

await t.test('the addon refuses what it was not made for', (t) => {
  const addon = nativeAddon() as unknown as Record<string, (...values: unknown[]) => unknown>;
  for (const [name, values] of [
    ['netlinkTranslate', []],
    ['netlinkTranslate', [[1], true]],
    ['netlinkTranslate', [Int32Array.of(1), true]],
    ['netlinkTranslate', [Uint32Array.of(1), 1]],
    ['nsfsTranslate', [Uint32Array.of(1), true, 7, true]],
    ['nsfsTranslate', [Uint32Array.of(1), true, '/x']],
  ] as const) {
    t.throws(() => addon[name]?.(...values), TypeError, `${name}(${values.length} arguments)`);
  }
  t.end();
});

await t.test('worker threads, many at once, ended while they ask', { skip: noNsfs }, async (t) => {
  const body = `
    const { Worker, isMainThread, parentPort, threadId } = await import('node:worker_threads');
    const ask = () => translate([process.pid, 0], 'to-ns', { method: 'nsfs', pidns: '/proc/self/ns/pid' });
    if (!isMainThread) {
      const answers = await Promise.all(Array.from({ length: 50 }, ask));
      parentPort.postMessage(answers.every(([pid, none]) => pid === process.pid && none === 0));
      return threadId;
    }
    const file = process.argv[1];
    const right = await Promise.all(Array.from({ length: 8 }, () => new Promise((resolve, reject) => {
      const worker = new Worker(file, { stdout: true });
      worker.once('message', resolve).once('error', reject);
    })));
    const busy = Array.from({ length: 8 }, () => new Worker(file, { stdout: true }));
    await new Promise((resolve) => setTimeout(resolve, 30));
    await Promise.all(busy.map((worker) => worker.terminate()));
    return { right, main: await ask(), pid: process.pid };`;
  const directory = await mkdtemp(join(tmpdir(), 'mpu-worker-'));
  const file = join(directory, 'threads.mjs');
  await writeFile(file, program(body));
  const ended = await run(process.execPath, [file]);
  await rm(directory, { recursive: true });
  t.match(ended, { status: 0, stderr: '' });
  const answer = JSON.parse(ended.stdout) as { right: boolean[]; main: number[]; pid: number };
  t.same(
    answer.right,
    Array.from({ length: 8 }, () => true),
  );
  t.same(answer.main, [answer.pid, 0]);
});

await t.test('without the addon', (t) => {
  t.throws(() => nativeAddon('/nonexistent/mpu.node'), {
    code: 'addon-missing',
    next: `build it: ${addonBuildCommand}`,
  });
  const broken = join(t.testdir({ 'mpu.node': 'no library' }), 'mpu.node');
  t.throws(() => nativeAddon(broken), { code: 'addon-invalid' });
  t.end();
});

await t.test(
  'what says that the module is loaded does not make it so',
  { skip: noModule ? await lacking(['unshare', 'strace'], true) : 'NOT TESTED: mpu.ko is loaded' },
  async (t) => {
    const body = "return await translate([1], 'to-host', { method: 'netlink' });";
    const script = 'mount -t tmpfs none /sys/module && mkdir /sys/module/mpu && exec "$@"';
    const ask = async (...around: string[]): Promise<unknown> => {
      const ended = await run('unshare', [
        '-m',
        'sh',
        '-c',
        script,
        'sh',
        ...around,
        process.execPath,
        '--input-type=module',
        '-e',
        program(body),
      ]);
      if (!ended.stdout.includes('no-translator')) t.comment(ended.stderr);
      return JSON.parse(ended.stdout);
    };
    t.match(await ask(), { code: 'no-translator', why: /mpu.ko is not loaded/ }, 'the kernel knows no such family');
    const refused = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', 'inject=socket:error=EPERM', '-e', 'trace=socket'];
    t.match(
      await ask(...refused),
      { code: 'no-translator', why: /netlink cannot be used \(EPERM/ },
      'sockets that are refused',
    );
  },
);
