// SPDX-License-Identifier: GPL-2.0-only
/** libmpu.so at work under the simulated driver: nothing is left behind, and whatever it lacks, the answer passes through. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { cannotUnshare } from '../rm-sim/session.js';
import { Container, type List, PIDNS } from './container.js';
import { built, library } from './library.js';

const isList = (document: unknown): document is List =>
  typeof document === 'object' && document !== null && 'pids' in document;

void t.test('under the simulated driver', { skip: cannotUnshare }, async (t) => {
  const container = await Container.start();
  t.teardown(() => container.stop());

  const lists = async (args: string, environment: Record<string, string> = {}): Promise<List[]> => {
    const { documents, rest, code } = await container.rewriting(args, environment);
    if (code !== 0 || rest !== '') throw new Error(`rewriting ${args}: exit ${code}: ${rest}`);
    return documents.filter(isList);
  };
  const isRight = (t: Test, list: List | undefined, what: string): void => {
    t.same(list && { status: list.status, pids: list.pids }, list && { status: 0, pids: container.right(list) }, what);
  };
  /** What the driver said: host PIDs, the process outside among them. */
  const isUntouched = (t: Test, list: List | undefined, what: string): void => {
    t.equal(list?.status, 0, `${what}: the driver's status`);
    t.equal(list?.pids.length, 4, `${what}: the driver's four processes`);
    t.notOk(list?.pids.includes(list.self), `${what}: by their host PIDs`);
  };

  await t.test('with and without', async (t) => {
    isRight(t, (await lists('list'))[0], 'right with the library');
    const { documents } = await container.run(`${built('rewriting')} list`);
    isUntouched(t, documents.find(isList), 'without it');
    isUntouched(t, (await lists('list', { MPU_DISABLE: '1' }))[0], 'MPU_DISABLE=1');
    for (const value of ['0', '', 'yes', '11']) {
      isRight(
        t,
        (await lists('list', { MPU_DISABLE: value, MPU_DEBUG: value }))[0],
        `MPU_DISABLE=${value} disables nothing, and MPU_DEBUG=${value} says nothing`,
      );
    }
    isRight(t, (await lists('wrapped'))[0], 'a control inside the XFER escape');
    isRight(t, (await lists('stack'))[0], 'in a thread with a stack of 16 KB');
    const { documents: wrapped } = await container.run(`${built('rewriting')} wrapped`);
    isUntouched(t, wrapped.find(isList), 'which, without, says the same as the bare one');
    const { rest } = await container.rewriting('list', { MPU_DEBUG: '1' });
    t.equal(rest, 'libmpu: control 0x2080018d, 0x00000ee4 bytes: handled', 'MPU_DEBUG=1 says so');
  });

  await t.test('ten thousand controls leave nothing behind', async (t) => {
    const { documents, rest } = await container.rewriting('leaks');
    t.equal(rest, '', 'no error');
    t.equal(documents.length, 3, 'three documents');
    isRight(t, documents.find(isList), 'the first list');
    t.same(documents[1], { descriptors: 0, mappings: 0, failed: 0 }, 'no descriptor, no mapping');
    isRight(t, documents.filter(isList)[1], 'the last list');
  });

  await t.test('nothing to be had', async (t) => {
    const descriptors = await lists('descriptors');
    isUntouched(t, descriptors[0], 'no descriptor left');
    isRight(t, descriptors[1], 'and right again when there are some');
    const memory = await lists('memory');
    isUntouched(t, memory[0], 'no memory left');
    isRight(t, memory[1], 'and right again when there is some');
    for (const [name, number] of [
      ['openat', 257],
      ['mmap', 9],
    ] as const) {
      const refused = await lists(`refuse ${number}`);
      isRight(t, refused[0], `right before ${name} is refused`);
      isUntouched(t, refused[1], `${name} refused by a filter`);
    }
    for (const [name, number] of [
      ['rt_sigprocmask', 14],
      ['madvise', 28],
    ] as const) {
      const refused = await lists(`refuse ${number}`);
      isRight(t, refused[1], `right although ${name} is refused by a filter`);
    }
  });

  await t.test('no usable PID namespace file', async (t) => {
    const at = (name: string): string => join(container.session.directory, name);
    writeFileSync(at('regular'), '');
    mkdirSync(at('directory'));
    spawnSync('mkfifo', [at('fifo')]);
    const places: Record<string, string> = {
      'a path that is not there': at('missing'),
      'a path that cannot be': `${at('regular')}/below`,
      'a regular file': at('regular'),
      'a FIFO, which must not hang': at('fifo'),
      'a directory': at('directory'),
      'the null device': '/dev/null',
      'a namespace of another kind': '/proc/self/ns/net',
      "the container's own namespace": '/proc/self/ns/pid',
      'no default path': '',
      'a path too long': `/${'x'.repeat(5000)}`,
    };
    for (const [what, MPU_PIDNS] of Object.entries(places)) {
      isUntouched(t, (await lists('list', { MPU_PIDNS }))[0], what);
    }
  });

  await t.test('what mpu.ko says of itself', async (t) => {
    const state = '/sys/module/mpu/parameters/intercepting';
    const script = join(container.session.directory, 'with-state');
    // In the place of sysfs; nothing intercepts here, so what is left alone is seen to be.
    writeFileSync(
      script,
      `mount -t tmpfs none /sys/module && mkdir -p ${state.replace(/\/[^/]*$/, '')} || exit
case $1 in link) ln -s ${state} ${state} ;; directory) mkdir ${state} ;; *) printf '%s\\n' "$1" >${state} ;; esac
export LD_PRELOAD=${library('x86_64')} MPU_PIDNS=/proc/self/fd/7 MPU_DEBUG=1
exec strace -qq -o "|grep -c ${state} >&2" -e trace=openat ${built('rewriting')} list
`,
    );
    const told = async (said: string): Promise<{ list: List | undefined; rest: string }> => {
      const { documents, rest } = await container.run(`unshare --mount sh ${script} "${said}"`);
      return { list: documents.find(isList), rest };
    };
    for (const said of ['off 4 settled', 'off 4 recent']) {
      const { list, rest } = await told(said);
      isRight(t, list, said);
      t.match(rest, /: handled\n2$/, `${said}: looked at before and after`);
    }
    const settled = await told('on 5 settled');
    isUntouched(t, settled.list, 'on 5 settled');
    t.equal(settled.rest, '1', 'on 5 settled: looked at once, nothing to do');
    isUntouched(t, (await told('on 5 recent')).list, 'on 5 recent');
    for (const kind of ['link', 'directory']) {
      const { list, rest } = await told(kind);
      isUntouched(t, list, `a state that cannot be read: a ${kind}`);
      t.match(rest, /left alone: how this driver counts/, 'is said to be the reason');
    }
  });

  await t.test('switched on while an answer is put right', async (t) => {
    // From 570 on the driver may answer with another number than the record was asked for by.
    const overwriting = await Container.start('R3b', ['--layouts', '610.57.04']);
    t.teardown(() => overwriting.stop());
    const state = '/sys/module/mpu/parameters/intercepting';
    const script = join(container.session.directory, 'with-change');
    const changed = Buffer.from('on 55 settled\n').toString('hex');
    // The second look finds it changed. Nothing intercepts, so what is left then is the driver's own answer to the second call.
    writeFileSync(
      script,
      `mount -t tmpfs none /sys/module && mkdir -p ${state.replace(/\/[^/]*$/, '')} || exit
echo 'off 4 settled' >${state}
export LD_PRELOAD=${library('x86_64')} MPU_PIDNS=/proc/self/fd/7
exec strace -qq -o /dev/null -P ${state} -e trace=read -e inject=read:poke_exit=@arg2=${changed}:when=2+ ${built('rewriting')} "$@"
`,
    );
    const { documents: lists } = await container.run(`unshare --mount sh ${script} list`);
    isUntouched(t, lists.find(isList), 'a list is asked for again');
    for (const record of ['record', 'record-v2']) {
      const asked = `${record} ${overwriting.outside}`;
      const { documents: records } = await overwriting.run(`unshare --mount sh ${script} ${asked}`);
      t.same(records, [{ status: 0, pid: overwriting.outside }], `a ${record}, by the number that was asked for`);
      const { documents } = await overwriting.rewriting(asked);
      t.same(documents, [{ status: 0x57, pid: 0 }], 'which is nobody to the container otherwise');
    }
  });

  await t.test('system calls of a list', async (t) => {
    const trace = join(container.session.directory, 'trace');
    const { documents } = await container.run(`strace -qq -o ${trace} ${built('rewriting')} list`, {
      LD_PRELOAD: library('x86_64'),
      MPU_PIDNS: PIDNS,
    });
    isRight(t, documents.find(isList), 'the list');
    const lines = readFileSync(trace, 'utf8').split('\n');
    const calls = lines.slice(lines.findIndex((line) => line.startsWith('rt_sigprocmask')));
    const counted = (pattern: RegExp): number => calls.filter((line) => pattern.test(line)).length;
    // docs/internals.md has these numbers. A list needs one query of the driver.
    t.equal(counted(/^rt_sigprocmask/), 4, 'the signal mask is set twice for the rewrite and twice for the query');
    t.equal(counted(/^madvise/), 1, 'the memory is kept out of children');
    t.equal(counted(/^openat.*\/fd\/7/), 2, 'the file is opened before the query and after it');
    const query = calls.findIndex((line) => /^ioctl\(.*0x46, 0x2a/.test(line));
    t.match(calls[query - 1], /^rt_sigprocmask\(SIG_SETMASK, \[\]/, "the caller's mask is back for the query");
    t.match(calls[query - 2], /^close/, 'after the last descriptor was closed');
  });

  await t.test('params that cannot be touched', async (t) => {
    const { documents: without } = await container.run(`${built('rewriting')} pointers`);
    const { documents, rest, code } = await container.rewriting('pointers');
    t.equal(code, 0, 'no crash', { rest });
    t.equal(without.length, 10, 'ten attempts');
    t.same(documents, without, "each with the driver's own status and errno");
  });

  await t.test('threads that list while others fork', async (t) => {
    const { documents, rest } = await container.rewriting('storm');
    t.equal(rest, '', 'no error');
    isRight(t, documents.find(isList), 'the list to compare with');
    t.same(documents[1], { wrong: 0, children: 0 }, 'no list is ever wrong, in threads or children');
  });

  await t.test('libraries loaded at run time', async (t) => {
    const ask = async (way: string): Promise<string> =>
      (
        await container.run(`${built('loader')} ${way} ${built('plugin.so')}`, {
          LD_PRELOAD: library('x86_64'),
          MPU_PIDNS: '/proc/self/fd/7',
        })
      ).rest;
    t.equal(await ask('dlopen'), '3', 'dlopen: the processes inside');
    t.equal(await ask('deepbind'), '4', 'RTLD_DEEPBIND: all (limit)');
    t.equal(await ask('dlmopen'), '4', 'dlmopen: all (limit)');
  });
});
