// SPDX-License-Identifier: GPL-2.0-only
/** Prometheus' format, read by its own parser, and the server. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { CONTENT_TYPE, formatMetrics } from '#mpu/lib/metrics/exposition.js';
import { moduleMetrics } from '#mpu/lib/metrics/metrics.js';
import { parseListenAddress, serveMetrics } from '#mpu/lib/metrics/server.js';
import { checkout, mpu, type Ended } from '../../support/mpu.js';
import { parsePrometheus, type ParsedSample } from '../../commands/prometheus.js';

const NASTY = 'a "quoted" \\ back\\nslash\nand a line {x="y"} ü';

await t.test('the format', async (t) => {
  const text = formatMetrics([
    {
      name: 'mpu_one',
      type: 'gauge',
      help: 'Help with \\ and\na line.',
      samples: [
        { labels: { name: NASTY, empty: '' }, value: 1.5 },
        { labels: {}, value: 0 },
      ],
    },
    { name: 'mpu_none', type: 'gauge', help: 'Without samples.', samples: [] },
    { name: 'mpu_two_total', type: 'counter', help: 'Large.', samples: [{ labels: {}, value: 2 ** 53 }] },
  ]);
  t.same(await parsePrometheus(text), [
    { name: 'mpu_one', labels: { name: NASTY, empty: '' }, value: 1.5, type: 'gauge' },
    { name: 'mpu_one', labels: {}, value: 0, type: 'gauge' },
    { name: 'mpu_two_total', labels: {}, value: 2 ** 53, type: 'counter' },
  ]);
  t.notMatch(text, /mpu_none/);
  t.ok(text.endsWith('\n'));
  await t.rejects(parsePrometheus('mpu_one{name="x} 1\n'), /not Prometheus' text format/, 'the parser is strict');
});

await t.test('every counter of mpu.ko', async (t) => {
  const counters = { requests: 1, pids: 22, hidden: 333, rewritten: 4444, untouched: 55555, inFlight: 666666 };
  const answer = {
    version: '1.2.3',
    abi: 1,
    features: ['translate', 'intercept'],
    maxPids: 4096,
    intercept: 'on' as const,
    generation: '7',
    counters,
  };
  const values = async (loaded: Parameters<typeof moduleMetrics>[0]): Promise<object> =>
    Object.fromEntries(
      (await parsePrometheus(formatMetrics(moduleMetrics(loaded)))).map(({ name, type, value }) => [
        name,
        `${type} ${value}`,
      ]),
    );
  t.same(await values({ owner: 'mpu', version: '1.2.3', answer }), {
    mpu_module_loaded: 'gauge 1',
    mpu_module_info: 'gauge 1',
    mpu_module_requests_total: 'counter 1',
    mpu_module_pids_total: 'counter 22',
    mpu_module_hidden_pids_total: 'counter 333',
    mpu_module_rewritten_total: 'counter 4444',
    mpu_module_untouched_total: 'counter 55555',
    mpu_module_calls_in_flight: 'gauge 666666',
  });
  t.same(await values({ owner: 'none' }), { mpu_module_loaded: 'gauge 0' }, 'none of a module that is not loaded');
  const page = await readFile(join(checkout, 'docs/doctor.md'), 'utf8');
  for (const { name } of moduleMetrics({ owner: 'mpu', answer })) t.match(page, `\`${name}\``, `${name} is documented`);
});

await t.test('addresses', (t) => {
  t.same(parseListenAddress('127.0.0.1:9436'), { host: '127.0.0.1', port: 9436 });
  t.same(parseListenAddress('[::1]:0'), { host: '::1', port: 0 });
  t.same(parseListenAddress(':80'), { host: undefined, port: 80 });
  t.same(parseListenAddress('localhost:65535'), { host: 'localhost', port: 65535 });
  for (const text of ['', '9436', 'localhost', '::1:80', 'x:99999', 'x:-1', 'http://x:1'])
    t.throws(() => parseListenAddress(text), { code: 'usage', exitCode: 2 }, text);
  t.end();
});

await t.test('the server', async (t) => {
  const controller = new AbortController();
  let collections = 0;
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const address = '127.0.0.1:0';
  let served: Promise<void> | undefined;
  const url = await new Promise<string>((resolve, reject) => {
    const collect = async (): Promise<string> => {
      collections++;
      await held;
      if (collections > 1) throw new Error('broken');
      return 'mpu_one 1\n';
    };
    served = serveMetrics({ address, collect, signal: controller.signal, onListening: resolve });
    served.catch(reject);
  });
  t.match(url, /^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
  const scrapes = [fetch(url), fetch(`${url}?x=1`)];
  const other = await fetch(url.replace('/metrics', '/'));
  t.equal(other.status, 404, 'answers while metrics are collected');
  t.equal((await fetch(url, { method: 'POST' })).status, 405);
  while (collections === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  release();
  for (const response of await Promise.all(scrapes)) {
    t.equal(response.status, 200);
    t.equal(response.headers.get('content-type'), CONTENT_TYPE);
    t.equal(await response.text(), 'mpu_one 1\n');
  }
  t.equal(collections, 1, 'two scrapes at once share one answer');
  const failed = await fetch(url);
  t.equal(failed.status, 500);
  t.equal(await failed.text(), 'broken\n');
  const taken = new URL(url).host;
  await t.rejects(
    serveMetrics({
      address: taken,
      collect: () => Promise.resolve(''),
      signal: controller.signal,
      onListening: () => undefined,
    }),
    { code: 'listen-failed', exitCode: 1 },
  );
  controller.abort();
  await served;
  await t.rejects(fetch(url), 'it has ended');
});

/** Runs `mpu metrics --listen`, waits for the URL on stdout or stderr, scrapes it and ends the service. */
async function serve(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ ended: Ended; samples: ParsedSample[] }> {
  let said = '';
  let scraped: Promise<ParsedSample[]> | undefined;
  const ended = await mpu(['metrics', ...args], {
    env: { PATH: '/nonexistent', MPU_PIDNS: '/proc/self/ns/pid', ...env },
    onStart: (child) => {
      const listen = (chunk: Buffer): void => {
        said += chunk.toString();
        const url = /http:\/\/[^\s"]+\/metrics(?=[\s"])/.exec(said)?.[0];
        if (url === undefined || scraped !== undefined) return;
        scraped = fetch(url)
          .then((response) => response.text())
          .then(parsePrometheus)
          .finally(() => child.kill('SIGTERM'));
      };
      child.stdout?.on('data', listen);
      child.stderr?.on('data', listen);
    },
  });
  return { ended, samples: (await scraped) ?? [] };
}

await t.test('the command', async (t) => {
  const isUp = ({ name }: ParsedSample): boolean => name === 'mpu_gpu_up';
  const flag = await serve(['--listen', '127.0.0.1:0']);
  t.match(
    flag.ended,
    { status: 0, stdout: '', stderr: /^listening at http:\/\/127\.0\.0\.1:\d+\/metrics$/m },
    'SIGTERM ends it well',
  );
  t.ok(flag.samples.some(isUp), 'a scrape');
  const json = await serve(['--json'], { MPU_LISTEN: '127.0.0.1:0' });
  t.match(json.ended, { status: 0, stderr: '' });
  t.match(
    JSON.parse(json.ended.stdout),
    { schemaVersion: 1, command: 'metrics', ok: true, url: /^http:\/\/127\.0\.0\.1:\d+\/metrics$/ },
    'one document, with the address',
  );
  t.ok(json.samples.some(isUp), 'by the variable');
  t.match(await mpu(['metrics', '--listen', 'nonsense', '--json']), { status: 2, stderr: '' });
});

await t.test('a part of a GPU (MIG) by its UUID', async (t) => {
  const directory = t.testdir();
  const answers = `--query-gpu*) echo "0, GPU-0, 81920, 9, NVIDIA H100" ;;\n--query-c*) echo "MIG-1, ${process.pid}, 7"; echo "MIG-2, ${process.pid}, 8" ;;`;
  await writeFile(join(directory, 'nvidia-smi'), `#!/bin/sh\ncase $1 in\n${answers}\nesac\n`, { mode: 0o755 });
  const env = { PATH: `${directory}:/usr/bin:/bin`, MPU_PIDNS: '/proc/self/ns/pid' };
  const samples = await parsePrometheus((await mpu(['metrics'], { env })).stdout);
  const memory = samples
    .filter(({ name }) => name === 'mpu_container_gpu_memory_bytes')
    .map(({ labels: { gpu, uuid }, value }) => ({ gpu, uuid, value }));
  t.same(memory, [
    { gpu: '', uuid: 'MIG-1', value: 7 << 20 },
    { gpu: '', uuid: 'MIG-2', value: 8 << 20 },
  ]);
  const { stdout } = await mpu(['ps'], { env });
  t.match(stdout, new RegExp(`^MIG-1 +${process.pid} .*\nMIG-2 +${process.pid} `, 'm'));
});
