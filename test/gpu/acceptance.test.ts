// SPDX-License-Identifier: GPL-2.0-only
/**
 * run.py, which judges real GPUs, judges the simulated one here: it must find nothing wrong with libmpu.so, in the
 * regimes and with the client of which its expectations hold, and must find out what is wrong when something is.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import t from 'tap';
import { packageRoot } from '#mpu/lib/package/root.js';
import { fetchNvidiaClients } from '#mpu/lib/nvidia-clients/nvidia-clients.js';
import { CACHE, cannotTranslate } from '../nvidia-clients/harness.js';
import { lacking } from '../support/engines.js';
import { type Ended, run } from '../support/mpu.js';

const NVML = '550.163';
const CLIENT = '550.163.01';
const build = join(packageRoot, 'build', 'test');
const runner = join(packageRoot, 'test', 'gpu', 'run.py');

const directory = mkdtempSync(join(tmpdir(), 'mpu-acceptance-'));
t.teardown(() => {
  rmSync(directory, { recursive: true });
});

const skip =
  process.arch === 'x64'
    ? (cannotTranslate ?? (await lacking(['python3', 'unshare', 'nsenter', 'setpriv', 'taskset'], true)))
    : 'NOT TESTED: rm-regime is made for x86-64 alone';

/** An environment in which the release of the client is the machine's own. */
async function withClient(): Promise<NodeJS.ProcessEnv> {
  const [client] = await fetchNvidiaClients(CACHE, [NVML]);
  if (client === undefined) throw new Error('no client');
  const path = [join(client.smi, '..'), process.env.PATH ?? ''].join(delimiter);
  return { ...process.env, PATH: path, LD_LIBRARY_PATH: client.libraries, PYTHONDONTWRITEBYTECODE: '1' };
}

/** Runs it on a driver that answers as R4 does and says that it is the given release. */
async function accept(
  driver: string,
  sections: string,
  options: string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  const simulation = ['--regime', 'R4', '--driver', driver, '--layouts', CLIENT];
  const command = ['python3', runner, '--simulated', join(build, 'rm-sim', 'gpu-process'), '--layouts', CLIENT];
  return run(join(build, 'rm-sim', 'rm-sim'), [...simulation, '--', ...command, '--only', sections, ...options], {
    env: { ...(await withClient()), ...env },
  });
}

/** The checks that it made, and of those the ones that failed. */
function judged({ stdout }: Ended): { checks: number; failed: string[] } {
  const lines = stdout.split('\n');
  return {
    checks: lines.filter((line) => /^(not )?ok \d+ - /.test(line)).length,
    failed: lines.filter((line) => line.startsWith('not ok')),
  };
}

await t.test('the driver as it is, MPS, cost, and the record', { skip }, async (t) => {
  const record = join(directory, 'record.md');
  const ended = await accept('580.95.05', 'native,mps,cost', ['--markdown', record]);
  const { checks, failed } = judged(ended);
  t.same(failed, [], ended.stderr);
  t.equal(ended.status, 0);
  t.ok(checks > 250, `${checks} checks`);
  t.match(ended.stdout, /^#\s+the driver answers as regime R4$/m, 'found out by asking');
  t.match(ended.stdout, new RegExp(`^1\\.\\.${checks}$`, 'm'), 'the plan');
  t.match(ended.stdout, /# SKIP NOT TESTED: /, 'what is not tested is said');
  const text = readFileSync(record, 'utf8');
  t.match(text, /^\| GPU \| Simulated H100 \|$/m);
  t.match(text, /^\| the driver as it is \| \d+ \| 0 \|$/m);
  t.match(text, /^\| MPS \| \d+ \| 0 \|$/m);
  t.match(text, /^\| GET_PIDS \| [\d.]+ us \([\d.]+ us\) \| [\d.]+ us \([\d.]+ us\) \| [\d.]+ \|$/m);
  t.match(text, /^- encoder sessions: there are none: /m, 'what there is nothing to see of');
  t.match(text, /^\| libmpu\.so \| SHA-256 [0-9a-f]{16}\.\.\. \|$/m);
  t.match(text, /^a-like +\d+ +\d+ +\d+$/m, 'what was started');
});

for (const [regime, driver] of Object.entries({
  R0: '535.104.12',
  R1: '550.163.01',
  R2: '565.77',
  R3a: '570.124.06',
  R3b: '570.144',
})) {
  await t.test(`the driver made ${regime}`, { skip }, async (t) => {
    const ended = await accept(driver, regime);
    const { checks, failed } = judged(ended);
    t.same(failed, [], ended.stderr);
    t.equal(ended.status, 0);
    t.ok(checks > 250, `${checks} checks`);
  });
}

await t.test("the machine's own client on a simulated driver", { skip }, async (t) => {
  const options = ['--simulated-client', '--regimes', 'R2', '--log', directory];
  const ended = await run('python3', [runner, ...options], { env: await withClient() });
  t.equal(ended.status, 0, ended.stdout + ended.stderr);
  t.match(ended.stdout, /^# nvidia-smi 550\.163\.01: right in every regime$/m);
  const { checks, failed } = judged({ ...ended, stdout: readFileSync(join(directory, 'output-R2'), 'utf8') });
  t.same(failed, []);
  t.ok(checks > 250, `${checks} checks`);
  t.match(readFileSync(join(directory, 'requests-R2'), 'utf8'), /0x2080018d/, 'what the clients asked');
});

await t.test('what is wrong is found', { skip }, async (t) => {
  const ended = await accept('580.95.05', 'native', [], { MPU_DISABLE: '1' });
  const { failed } = judged(ended);
  t.equal(ended.status, 1);
  for (const what of ['own PIDs, each once', "nobody else's", 'nobody twice']) {
    t.ok(
      failed.some((line) => line.includes(what)),
      `with libmpu.so switched off: ${what}`,
    );
  }
});
