// SPDX-License-Identifier: GPL-2.0-only
/** An nvidia-smi that does not answer: asked to end, killed, and where nothing ends it left to itself. */
import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { queryGpus, type NvidiaSmi } from '#mpu/lib/gpu/nvidia-smi.js';
import { checkout } from '../../support/mpu.js';

const FREEZER = '/sys/fs/cgroup/freezer';

/** A directory with an nvidia-smi that is a shell script. */
async function fake(t: Test, script: string): Promise<string> {
  const directory = t.testdir();
  await writeFile(join(directory, 'nvidia-smi'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return directory;
}

const smiOf = (directory: string, more: Partial<NvidiaSmi> = {}): NvidiaSmi => ({
  command: [join(directory, 'nvidia-smi')],
  env: process.env,
  limit: 300,
  ...more,
});
const HANGS = {
  code: 'nvidia-smi-hangs',
  exitCode: 3,
  why: /^nvidia-smi does not answer: not within 0\.3 seconds/,
  next: /dmesg/,
};

/** How long something takes, in milliseconds. */
async function timed(run: () => Promise<unknown>): Promise<number> {
  const before = Date.now();
  await run();
  return Date.now() - before;
}

await t.test('one that sleeps, one that ignores signals, and one whose pipes somebody keeps', async (t) => {
  for (const script of ['sleep 60', "trap '' TERM; while :; do sleep 60; done", 'setsid sleep 20 & sleep 60']) {
    const directory = await fake(t, script);
    const took = await timed(() => t.rejects(queryGpus(smiOf(directory)), HANGS, script));
    t.ok(took < 10_000, `${script}: ${took} ms`);
  }
  const answering = await fake(t, 'echo "0, GPU-0, 1, 1, NVIDIA H100"');
  t.match(
    await queryGpus(smiOf(answering, { limit: 10_000 })),
    [{ index: 0, uuid: 'GPU-0' }],
    'the next one is asked as ever',
  );
});

await t.test('an interrupt', async (t) => {
  const controller = new AbortController();
  const asked = queryGpus(smiOf(await fake(t, 'sleep 60'), { limit: 60_000, signal: controller.signal }));
  controller.abort('SIGINT');
  await t.rejects(asked, { code: 'interrupted', exitCode: 130 });
});

await t.test('the first interrupt ends mpu', async (t) => {
  for (const [args, status] of [
    [['ps'], 130],
    [['metrics'], 130],
    [['ps', '--watch'], 0],
  ] as const) {
    const directory = await fake(t, `echo >${join(t.testdirName, 'started')}; sleep 60`);
    const env = { ...process.env, MPU_PIDNS: '/proc/self/ns/pid', PATH: `${directory}:${process.env.PATH ?? ''}` };
    const child = spawn(process.execPath, [join(checkout, 'dist', 'cli.js'), ...args], {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const ended = once(child, 'exit');
    for (let tries = 0; tries < 1000 && !existsSync(join(directory, 'started')); tries++) await sleep(20);
    const took = await timed(async () => {
      child.kill('SIGINT');
      t.same(await ended, [status, null], args.join(' '));
    });
    t.ok(took < 10_000, `${args.join(' ')}: ${took} ms`);
  }
});

const frozen =
  existsSync(FREEZER) && process.getuid?.() === 0
    ? false
    : 'NOT TESTED: needs root and cgroup v1, whose frozen processes cannot be killed';

await t.test('one that nothing ends', { skip: frozen }, async (t) => {
  const group = join(FREEZER, `mpu-test-${process.pid}`);
  await mkdir(group);
  const directory = await fake(
    t,
    `echo >>${join(t.testdirName, 'calls')}; echo $$ >${group}/tasks; echo FROZEN >${group}/freezer.state; sleep 60`,
  );
  t.teardown(async () => {
    await writeFile(join(group, 'freezer.state'), 'THAWED');
    for (let tries = 0; tries < 100; tries++) {
      if (
        await rmdir(group).then(
          () => true,
          () => false,
        )
      )
        return;
      await sleep(50);
    }
  });
  await t.rejects(queryGpus(smiOf(directory)), HANGS);
  await t.rejects(
    queryGpus(smiOf(directory)),
    { code: 'nvidia-smi-hangs', why: /one that was asked before cannot be ended \(PID \d+\)/ },
    'no other is started beside it',
  );
  await writeFile(join(group, 'freezer.state'), 'THAWED');
  const answering = smiOf(await fake(t, 'echo "0, GPU-0, 1, 1, NVIDIA H100"'), { limit: 10_000 });
  let found;
  for (let tries = 0; tries < 100 && found === undefined; tries++) {
    await sleep(50);
    found = await queryGpus(answering).catch(() => undefined);
  }
  t.match(found, [{ uuid: 'GPU-0' }], 'once it has ended they are asked again');
});
