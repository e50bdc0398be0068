// SPDX-License-Identifier: GPL-2.0-only
/** `mpu ps`, `mpu translate`, `mpu status` and `mpu metrics` on a host with containers, compared with /proc. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cp, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { translate } from '#mpu/lib/translator.js';
import { LIBMPU } from '../nvidia-clients/harness.js';
import { fetchReleases } from '../nvidia-clients/releases.js';
import { checkout, mpu, type Ended } from '../support/mpu.js';
import { matchesGolden } from './golden.js';
import { parsePrometheus } from './prometheus.js';
import { BARE, CLI, IMAGE, Machine, noContainers, WEB, World, type Numbers } from './gpu-host.js';

interface Row {
  gpu: number;
  hostPid: number;
  containerPid: number | null;
  container: { id: string; runtime: string; label: string } | null;
  user: string | null;
  type: string | null;
  memory: number | null;
  utilization: { sm: number | null };
  command: string | null;
}

interface Document {
  schemaVersion: number;
  ok: boolean;
  onHost: boolean;
  gpus: { index: number; name: string; memoryTotal: number }[];
  processes: Row[];
  containers: { label: string; injected: boolean }[];
  error: { code: string; why: string; next: string };
}

type People = Awaited<ReturnType<World['populate']>>;

const parse = ({ stdout }: Ended): Document => JSON.parse(stdout) as Document;

/** What has to be listed of the world; `threads`: the driver names threads, and up to 560 finds no memory for them. */
function truth(people: People, regime: string): Omit<Row, 'utilization' | 'command'>[] {
  const row = (
    gpu: number,
    { host, inside }: Numbers,
    memory: number | null,
    runtime: string | null,
    label: RegExp | string = '',
  ): Omit<Row, 'utilization' | 'command'> => ({
    gpu,
    hostPid: host,
    containerPid: runtime === null ? null : inside,
    container: runtime === null ? null : ({ runtime, label } as Row['container']),
    user: 'root',
    type: 'C',
    memory,
  });
  const rows = [
    row(0, people.tenant, 100, null),
    row(0, people.train, 300, 'podman', WEB),
    row(1, people.serve, regime === 'R1' ? null : 50, 'podman', WEB),
    row(1, people.bare, 70, 'podman', BARE),
    row(1, people.nameless, 77, 'unknown', /^pidns:\d+$/),
  ];
  return rows.sort((a, b) => a.gpu - b.gpu || a.hostPid - b.hostPid);
}

const sorted = (rows: Row[]): Row[] => [...rows].sort((a, b) => a.gpu - b.gpu || a.hostPid - b.hostPid);

/** Numbers that differ from run to run become names; rows of a GPU come in the order of the names. */
function named(text: string, people: People): string {
  let result = text.replace(/pidns:\d+/g, 'pidns:N').replaceAll(`-${process.pid}`, '');
  for (const [name, { host, inside }] of Object.entries(people)) {
    result = result.replace(
      new RegExp(`^( *\\d) +${host} +(${inside}|-) `, 'm'),
      (_, gpu: string, second: string) => `${gpu}  ${name}  ${second === '-' ? '-' : 'N'} `,
    );
  }
  const [heading = '', ...rows] = result
    .trimEnd()
    .replace(/\S+\/bin\//g, '')
    .split('\n')
    .map((line) => line.replace(/ +/g, ' ').replace(/(C \S+) \d+ \d+ /, '$1 % % '));
  return [heading, ...rows.sort(), ''].join('\n');
}

/** A list of containers without those that are not this test's. */
function ownContainers(_: string, title: string, list: string): string {
  const own = list.split(', ').filter((each) => each.includes(`-${process.pid} `));
  return `${title}: ${own.join(', ').replaceAll(`-${process.pid}`, '')}`;
}

/** Metrics without what differs from run to run; samples of a metric come in the order of their labels. */
function anonymousMetrics(text: string): string {
  const lines = text
    .replaceAll(`-${process.pid}`, '')
    .replace(/version="[^"]*"/g, 'version="VERSION"')
    .replace(/[0-9a-f]{64}/g, 'ID')
    .replace(/pidns:\d+/g, 'pidns:N')
    .replace(/^(mpu_container_gpu_sm_utilization_ratio\{.*\}) .*$/gm, '$1 RATIO')
    .split('\n');
  const families: string[][] = [];
  for (const line of lines) {
    if (line.startsWith('# HELP')) families.push([]);
    families.at(-1)?.push(line);
  }
  return families
    .map(([help = '', type = '', ...samples]) =>
      [help, type, ...samples.filter((line) => line !== '').sort(), ''].join('\n'),
    )
    .join('');
}

async function checkHost(t: Test, world: World, people: People, regime: string): Promise<void> {
  const found = parse(await world.mpu(['ps', '--json']));
  t.match(found, {
    schemaVersion: 1,
    ok: true,
    onHost: true,
    gpus: [{ index: 0, name: 'Simulated H100', memoryTotal: 81920 }, { index: 1 }],
  });
  t.match(sorted(found.processes), truth(people, regime), 'every process with both numbers, container and memory', {
    found: found.processes,
  });
  t.equal(found.processes.length, 5, 'and no other');
  const busy = found.processes.find(({ hostPid }) => hostPid === people.train.host)?.utilization.sm ?? 0;
  t.ok(Math.abs(busy - 30) <= 5, `train uses 30 % of the SMs: ${busy}`);
}

await t.test('on hosts of every kind', { skip: noContainers, timeout: 600_000 }, async (t) => {
  const machine = await Machine.start();
  t.teardown(() => machine.stop());

  for (const regime of ['R0', 'R1', 'R3b', 'R4']) {
    await t.test(`driver of regime ${regime}`, async (t) => {
      const world = await World.start(machine, regime);
      t.teardown(() => world.stop());
      const people = await world.populate();
      await checkHost(t, world, people, regime);
      if (regime !== 'R1') return;

      const text = await world.mpu(['ps']);
      t.match(text, { status: 0, stderr: '' });
      matchesGolden(t, 'ps', named(text.stdout, people));

      const one = parse(await world.mpu(['ps', '--container', WEB, '--json']));
      t.same(
        one.processes.map(({ hostPid }) => hostPid).sort(),
        [people.train.host, people.serve.host].sort(),
        '--container',
      );
      const id = one.processes[0]?.container?.id ?? '';
      for (const selector of [id, id.slice(0, 12), String(people.serve.host)]) {
        t.equal(parse(await world.mpu(['ps', '-c', selector, '--json'])).processes.length, 2, `by ${selector}`);
      }
      t.match(parse(await world.mpu(['ps', '-c', 'nobody', '--json'])), {
        ok: false,
        error: { code: 'no-such-container', why: new RegExp(`${BARE}.*${WEB}`) },
      });
      t.match(await world.mpu(['ps', '-c', 'nobody']), {
        status: 1,
        stdout: '',
        stderr: /why: .*no running container/,
      });

      await t.test('--watch', async (t) => {
        const { status, stdout, stderr } = await world.shell(`
"${process.execPath}" "${CLI}" ps --watch 0.2 >watched & pid=$!
until [ "$(grep -c HOST watched)" -ge 3 ]; do kill -0 $pid || exit 9; sleep 0.05; done
kill -INT $pid; wait $pid`);
        t.equal(status, 0, 'an interrupt ends it well');
        t.equal(stdout, '', stderr);
        t.match(await world.mpu(['ps', '--watch', 'soon']), { status: 2, stderr: /no number of seconds/ });
        const stream = await world.shell(`
"${process.execPath}" "${CLI}" ps --watch 0.2 --container ${WEB} --json >stream & pid=$!
until [ "$(wc -l <stream)" -ge 3 ]; do kill -0 $pid || exit 9; sleep 0.05; done
kill -INT $pid; wait $pid && cat stream`);
        const documents = stream.stdout
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as Document);
        t.ok(documents.length >= 3, `one document a line: ${documents.length}`);
        for (const document of documents)
          t.match(document, { schemaVersion: 1, command: 'ps', ok: true, processes: [{ gpu: 0 }, { gpu: 1 }] });
        for (const [args, code] of [
          [['--watch', '--container', 'nobody'], 'no-such-container'],
          [['--watch', 'soon'], 'usage'],
        ] as const) {
          const failed = await world.mpu(['ps', ...args, '--json']);
          t.equal(failed.stdout.trimEnd().split('\n').length, 1, 'an error is one line, too');
          t.match(parse(failed), { ok: false, error: { code } });
        }
      });

      await t.test('variables in the place of flags', async (t) => {
        const chosen = parse(await world.mpu(['ps', '--json'], `env MPU_CONTAINER=${WEB} MPU_WATCH=`));
        t.same(
          chosen.processes.map(({ hostPid }) => hostPid).sort(),
          [people.train.host, people.serve.host].sort(),
          'MPU_CONTAINER',
        );
        t.equal(
          parse(await world.mpu(['ps', '--json'], 'env MPU_CONTAINER=')).processes.length,
          5,
          'an empty one is none',
        );
        const translated = await world.mpu(
          ['translate', String(people.train.inside)],
          `env MPU_TO_HOST=1 MPU_IN=${WEB}`,
        );
        t.match(translated, { status: 0, stdout: `${people.train.host}\n` }, 'MPU_TO_HOST, MPU_IN');
        t.match(
          await world.mpu(['translate', String(people.train.host)], `env MPU_TO_CONTAINER=yes MPU_TO_HOST=0 MPU_IN=`),
          { status: 0, stdout: `${people.train.inside}\n` },
        );
        t.match(
          await world.mpu(['ps'], 'env MPU_WATCH=soon'),
          { status: 2, stderr: /no number of seconds/ },
          'MPU_WATCH',
        );
        t.match(
          await world.mpu(['metrics'], 'env MPU_LISTEN=nowhere'),
          { status: 2, stderr: /no ADDRESS:PORT/ },
          'MPU_LISTEN',
        );
        t.match(await world.mpu(['demo'], 'env MPU_REGIME=R9'), { status: 2, stderr: /MPU_REGIME|R9/ }, 'MPU_REGIME');
      });

      await t.test('translate', async (t) => {
        const there = [people.train, people.serve];
        const inside = there.map((each) => String(each.inside));
        const host = there.map((each) => String(each.host));
        t.match(await world.mpu(['translate', ...inside, '--to-host', '--in', WEB]), {
          status: 0,
          stderr: '',
          stdout: `${host.join('\n')}\n`,
        });
        t.match(await world.mpu(['translate', ...host, '--to-container']), {
          status: 0,
          stdout: `${inside.join('\n')}\n`,
        });
        t.match(
          await world.mpu(['translate', String(people.nameless.host), '--to-container']),
          { status: 0, stdout: '1\n' },
          'a namespace of no runtime',
        );
        const init = await world.init(WEB);
        const byKernel = await translate(
          there.map((each) => each.inside),
          'to-ns',
          { method: 'nsfs', pidns: `/proc/${init}/ns/pid` },
        );
        t.same(
          byKernel,
          there.map((each) => each.host),
          'the kernel says the same',
        );
        t.match(
          await world.mpu(['translate', String(people.bare.host), '--to-container', '--in', WEB]),
          { status: 1, stdout: '0\n', stderr: /not there/ },
          'of another container',
        );
        t.match(parse(await world.mpu(['translate', '4000000', '1', '--to-host', '--in', WEB, '--json'])), {
          ok: false,
          direction: 'to-host',
          pids: [
            { pid: 4000000, translated: null },
            { pid: 1, translated: init, container: WEB },
          ],
        });
        const threads = readdirSync(`/proc/${people.serve.host}/task`).filter((id) => Number(id) !== people.serve.host);
        t.ok(threads.length > 0, 'serve has threads');
        for (const thread of threads) {
          const number =
            /^NSpid:.*\s(\d+)$/m.exec(readFileSync(`/proc/${people.serve.host}/task/${thread}/status`, 'utf8'))?.[1] ??
            '';
          t.match(
            await world.mpu(['translate', number, '--to-host', '--in', WEB]),
            { status: 0, stdout: `${people.serve.host}\n` },
            'the id of a thread counts as its process',
          );
          t.match(
            await world.mpu(['translate', thread, '--to-container']),
            { status: 0, stdout: `${people.serve.inside}\n` },
            'also of the host',
          );
        }
        t.match(
          await world.mpu(['translate', '1', '--to-host'], 'MPU_TO_CONTAINER=1 MPU_IN=nobody'),
          { status: 1, stderr: /nobody/ },
          'a flag wins over the variable of the other',
        );
        t.match(await world.mpu(['translate', String(people.train.host), '--to-container'], 'MPU_TO_HOST=1'), {
          status: 0,
          stdout: `${people.train.inside}\n`,
        });
        t.match(
          await world.mpu(['translate', '1'], 'MPU_TO_HOST=1 MPU_TO_CONTAINER=1'),
          { status: 2 },
          'two variables contradict each other',
        );
        const some = ['translate', '1', String(people.train.inside), '4000000', '--to-host', '--in', WEB];
        const [text, json] = [await world.mpu(some), await world.mpu([...some, '--json'])];
        const anonymous = (said: string): string =>
          said
            .replaceAll(`-${process.pid}`, '')
            .replace(new RegExp(`\\b${people.train.host}\\b`, 'g'), 'TRAIN')
            .replace(new RegExp(`\\b${init}\\b`, 'g'), 'INIT')
            .replace(new RegExp(`\\b${people.train.inside}\\b`, 'g'), 'N');
        matchesGolden(t, 'translate', anonymous(`${text.stdout}${text.stderr}${json.stdout}`));
        t.match(await world.mpu(['translate', '1', '--to-host']), { status: 2, stderr: /--in CONTAINER/ });
        t.match(await world.mpu(['translate', '1', '--to-host', '--to-container']), { status: 2 });
        t.match(await world.mpu(['translate', '1']), { status: 2, stderr: /direction/ });
        t.match(await world.mpu(['translate', 'one', '--to-container']), { status: 2, stderr: /no PID/ });
      });

      await t.test('status', async (t) => {
        const { stdout, stderr, status } = await world.mpu(['status']);
        t.match({ status, stderr }, { status: 0, stderr: '' });
        matchesGolden(
          t,
          'status',
          stdout
            .replace(/^(mpu: +)[\d.]+/m, '$1VERSION')
            .replace(/^runtimes: .*$/m, 'runtimes: ...')
            .replaceAll(machine.pidns, 'PIDNS')
            .replace(/^(injected|without mpu): +(.*)$/gm, ownContainers),
        );
        const document = parse(await world.mpu(['status', '--json']));
        t.match(document, {
          driver: { release: '535.261.03', flavour: 'open', regime: { id: 'R1' } },
          pidns: { state: 'host' },
        });
        const injected = Object.fromEntries(document.containers.map((each) => [each.label, each.injected]));
        t.match(injected, { [WEB]: true, [BARE]: false });
      });

      await t.test('metrics', async (t) => {
        const { stdout, stderr, status } = await world.mpu(['metrics']);
        t.match({ status, stderr }, { status: 0, stderr: '' });
        matchesGolden(t, 'metrics', anonymousMetrics(stdout));
        const metrics = await parsePrometheus(stdout);
        const value = (name: string, labels: Record<string, string> = {}): number | undefined =>
          metrics.find(
            (sample) =>
              sample.name === name && Object.entries(labels).every(([label, text]) => sample.labels[label] === text),
          )?.value;
        const MIB = 1 << 20;
        t.equal(value('mpu_container_gpu_memory_bytes', { container: WEB, gpu: '0' }), 300 * MIB);
        t.equal(value('mpu_container_gpu_memory_bytes', { container: BARE, gpu: '1' }), 70 * MIB);
        t.equal(value('mpu_container_gpu_memory_bytes', { container: '', gpu: '0' }), 100 * MIB, 'the host');
        t.equal(
          value('mpu_container_gpu_memory_bytes', { container: WEB, gpu: '1' }),
          undefined,
          'what is not known is not there',
        );
        t.equal(value('mpu_container_gpu_processes', { container: WEB, gpu: '1', runtime: 'podman' }), 1);
        t.ok(
          Math.abs((value('mpu_container_gpu_sm_utilization_ratio', { container: WEB, gpu: '0' }) ?? 0) - 0.3) < 0.06,
        );
        t.equal(value('mpu_driver_info', { release: '535.261.03', regime: 'R1', flavour: 'open' }), 1);
        t.equal(value('mpu_gpu_up'), 1);
        t.equal(value('mpu_namespace_file_ready'), 1);
        t.match(parse(await world.mpu(['metrics', '--json'])), {
          ok: true,
          families: [{ name: 'mpu_build_info', type: 'gauge', samples: [{ value: 1 }] }],
        });
      });
    });
  }

  for (const client of (await fetchReleases(t)).filter(({ version }) => !version.startsWith('550'))) {
    await t.test(`nvidia-smi ${client.version}`, async (t) => {
      const world = await World.start(machine, 'R4', client);
      t.teardown(() => world.stop());
      await checkHost(t, world, await world.populate(), 'R4');
    });
  }

  await t.test('inside a container: its own processes alone', async (t) => {
    const world = await World.start(machine, 'R0');
    t.teardown(() => world.stop());
    const namespace = await world.session.namespace();
    const inside = await world.session.gpuProcess('--memory 11 --util 40,5', namespace);
    await world.session.gpuProcess('--memory 22');
    const enter = world.session.enter(namespace);
    const found = parse(await world.mpu(['ps', '--json'], enter));
    t.match(found, {
      ok: true,
      onHost: false,
      processes: [{ hostPid: inside.global, containerPid: inside.process.at(-1), container: null, memory: 11 }],
    });
    t.equal(found.processes.length, 1);
    t.match(await world.mpu(['translate', String(inside.process.at(-1)), '--to-host'], enter), {
      status: 0,
      stdout: `${inside.global}\n`,
    });
    t.match(await world.mpu(['translate', String(inside.global), '1', '--to-container'], enter), {
      status: 1,
      stdout: `${inside.process.at(-1) ?? ''}\n0\n`,
    });
    t.match(await world.mpu(['translate', '1', '--to-host', '--in', WEB], enter), { status: 2 });
    t.match(await world.mpu(['ps', '-c', 'web'], enter), { status: 2, stderr: /inside a container/ });
    t.match(await world.mpu(['status'], enter), { status: 0, stdout: /in a container/ });
    const blind = await world.mpu(['ps'], `${enter} env MPU_PIDNS=/nonexistent`);
    t.match(blind, {
      status: 3,
      stdout: '',
      stderr: /cannot tell which GPU processes are this container's own[^]*next: mpu doctor/,
    });

    // As a package that was built without the library.
    const copy = t.testdir();
    for (const part of ['dist', 'package.json', 'build/native'])
      await cp(join(checkout, part), join(copy, part), { recursive: true });
    await symlink(join(checkout, 'node_modules'), join(copy, 'node_modules'));
    const unfiltered = await world.shell(`${enter} "${process.execPath}" "${copy}/dist/cli.js" ps --json`);
    t.equal(unfiltered.status, 3, 'without libmpu.so it does not ask nvidia-smi');
    t.match(parse(unfiltered), { ok: false, error: { code: 'no-translator', why: /no libmpu\.so/ } });

    const bin = join(copy, 'bin');
    mkdirSync(bin);
    const lines = [inside.process.at(-1) ?? 0, 4000000].map((pid) => `echo "GPU-0, ${pid}, 5"`).join('; ');
    writeFileSync(
      join(bin, 'nvidia-smi'),
      `#!/bin/sh\necho "$LD_PRELOAD" >${copy}/loaded\ncase $1 in\n--query-gpu*) echo "0, GPU-0, 1, 1, NVIDIA H100" ;;\n--query-c*) ${lines} ;;\nesac\n`,
      { mode: 0o755 },
    );
    const few = parse(await world.mpu(['ps', '--json'], `${enter} env PATH=${bin}:$PATH LD_PRELOAD=${LIBMPU}`));
    t.match(few.processes, [{ hostPid: inside.global, containerPid: inside.process.at(-1) }]);
    t.equal(few.processes.length, 1, 'a PID that the kernel does not know is nobody');
    t.equal(
      readFileSync(join(copy, 'loaded'), 'utf8'),
      `${join(checkout, 'build/preload/x86_64/libmpu.so')} ${LIBMPU}\n`,
      'what was to be loaded still is',
    );
  });

  await t.test('a container with the PIDs of the host', async (t) => {
    const world = await World.start(machine, 'R4');
    t.teardown(() => world.stop());
    const shared = `shared-${process.pid}`;
    await world.container(shared, IMAGE, ['--network=none', '--pid=host'], 'sleep infinity');
    const init = String(await world.init(shared));
    for (const direction of ['--to-host', '--to-container']) {
      t.match(
        await world.mpu(['translate', init, direction, '--in', shared]),
        { status: 0, stdout: `${init}\n` },
        direction,
      );
    }
  });

  await t.test('where there is nothing to list', async (t) => {
    const world = await World.start(machine, 'R4');
    t.teardown(() => world.stop());
    t.match(await world.mpu(['ps']), { status: 0, stdout: 'no process uses a GPU\n', stderr: '' });
    const smi = join(world.session.directory, 'bin', 'nvidia-smi');
    writeFileSync(smi, '#!/bin/sh\necho "Failed to initialize NVML: Driver/library version mismatch"\nexit 18\n', {
      mode: 0o755,
    });
    t.match(await world.mpu(['ps']), {
      status: 3,
      stdout: '',
      stderr: /Driver\/library version mismatch[^]*next: mpu doctor/,
    });
    t.match(parse(await world.mpu(['ps', '--json'])), { ok: false, error: { code: 'nvidia-smi-failed' } });
    t.match(await world.mpu(['metrics']), { status: 0, stdout: /^mpu_gpu_up 0$/m, stderr: /version mismatch/ });
    writeFileSync(smi, '#!/bin/sh\necho "No devices were found"\n', { mode: 0o755 });
    t.match(await world.mpu(['ps']), { status: 3, stderr: /finds no GPU/ });
  });
});

await t.test('without nvidia-smi', async (t) => {
  const env = { PATH: '/nonexistent', MPU_PIDNS: '/proc/self/ns/pid' };
  const ended = await mpu(['ps', '--json'], { env });
  // As root a system's own may be found in /usr/bin all the same.
  if (ended.status === 0) t.comment('this machine has an nvidia-smi that works');
  else
    t.match(parse(ended), { ok: false, error: { code: /no-nvidia-smi|nvidia-smi-failed|no-gpu/, next: /mpu doctor/ } });
  t.match(ended.stderr, '');
  t.ok([0, 3].includes(ended.status ?? -1));
});
