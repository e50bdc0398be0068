// SPDX-License-Identifier: GPL-2.0-only
/** Containers by their processes: of docker for real; of Kubernetes with stand-ins for the programs that start them. */
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  findContainers,
  firstProcess,
  selectContainer,
  selectContainers,
  type Container,
} from '#mpu/lib/containers/containers.js';
import { splitName } from '#mpu/lib/containers/names.js';
import { isOnHost, startTime, type Process } from '#mpu/lib/containers/processes.js';
import { baseImage } from '../../support/base-image.js';
import { lacking, startDocker } from '../../support/engines.js';
import { check, mpu } from '../../support/mpu.js';

const noNamespaces = await lacking(['unshare'], true);

/**
 * A container whose first process has a parent of a given name, with given arguments and working directory, as runtimes
 * have them. It ends with the test.
 */
async function startContainer(t: Test, name: string, args: readonly string[], cwd: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'mpu-shim-'));
  const [program, script] = [join(directory, name), join(directory, 'script')];
  await copyFile('/bin/sh', program);
  // In the new namespace is what it starts, not the program itself.
  await writeFile(script, 'sleep 1000 >/dev/null & echo started; read line; kill -KILL $!; wait\n');
  const child = spawn('unshare', ['--pid', program, script, ...args], { cwd, stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(async () => {
    child.stdin.end();
    await once(child, 'close');
    await rm(directory, { recursive: true });
  });
  await once(child.stdout, 'data');
}

/** A bundle as runtimes write it, with annotations. */
async function makeBundle(path: string, annotations: Record<string, string>): Promise<void> {
  await mkdir(path, { recursive: true });
  await writeFile(join(path, 'config.json'), JSON.stringify({ ociVersion: '1.0.2', annotations }));
}

const id = (digit: string): string => digit.repeat(64);
const byId = async (wanted: string): Promise<Container | undefined> =>
  (await findContainers()).find((each) => each.id === wanted);

await t.test('containers of Kubernetes, by what started them', { skip: noNamespaces }, async (t) => {
  const bundles = t.testdir();
  const cri = {
    'io.kubernetes.cri.sandbox-name': 'trainer-0',
    'io.kubernetes.cri.sandbox-namespace': 'research',
    'io.kubernetes.cri.container-name': 'main',
  };
  await makeBundle(join(bundles, id('a')), cri);
  await startContainer(
    t,
    'containerd-shim-runc-v2',
    ['-namespace', 'k8s.io', '-id', id('a'), '-address', '/run/containerd.sock'],
    join(bundles, id('a')),
  );
  const pod = { namespace: 'research', name: 'trainer-0', container: 'main' };
  t.match(await byId(id('a')), {
    runtime: 'containerd',
    label: 'research/trainer-0/main',
    pod,
    processes: [{ numbers: [Number, 1] }],
  });

  await makeBundle(join(bundles, id('b')), {
    'io.kubernetes.cri.sandbox-name': 'trainer-0',
    'io.kubernetes.cri.sandbox-namespace': 'research',
  });
  await startContainer(t, 'containerd-shim-runc-v2', ['-namespace', 'k8s.io', '-id', id('b')], join(bundles, id('b')));
  t.equal(await byId(id('b')), undefined, 'the sandbox is no container');

  await makeBundle(join(bundles, id('c')), {
    'io.kubernetes.pod.name': 'job',
    'io.kubernetes.pod.namespace': 'default',
    'io.kubernetes.container.name': 'run',
  });
  await startContainer(
    t,
    'conmon',
    ['-b', join(bundles, id('c')), '-c', id('c'), '-n', `k8s_run_job_default_1234-5_0`],
    '/',
  );
  t.match(await byId(id('c')), {
    label: 'default/job/run',
    pod: { namespace: 'default', name: 'job', container: 'run' },
  });

  await makeBundle(join(bundles, id('d')), { 'nerdctl/name': 'web' });
  await startContainer(t, 'containerd-shim-runc-v2', ['-namespace', 'default', '-id', id('d')], join(bundles, id('d')));
  t.match(await byId(id('d')), { runtime: 'containerd', label: 'web', name: 'web' }, 'nerdctl');

  await mkdir(join(bundles, id('e')));
  await check('mkfifo', [join(bundles, id('e'), 'config.json')]);
  await startContainer(t, 'containerd-shim-runc-v2', ['-namespace', 'default', '-id', id('e')], join(bundles, id('e')));
  t.match(
    await byId(id('e')),
    { runtime: 'containerd', label: 'eeeeeeeeeeee' },
    'a pipe in the place of the bundle does not hold it up',
  );

  const containers = await findContainers();
  for (const selector of ['trainer-0', 'research/trainer-0', 'research/trainer-0/main', id('a'), 'aaaaaaaa']) {
    t.equal(selectContainer(containers, selector).id, id('a'), selector);
  }
  t.throws(() => selectContainers(containers, 'trainer'), { code: 'no-such-container' });
});

await t.test('two of one name', (t) => {
  const container = (key: string): Container => ({
    id: id(key),
    runtime: 'containerd',
    label: `${key}/job/main`,
    pod: { namespace: key, name: 'job', container: 'main' },
    init: 7,
    processes: [],
  });
  const both = [container('a'), container('b')];
  t.throws(() => selectContainer(both, 'job'), { code: 'ambiguous-container', why: /a\/job\/main.*b\/job\/main/ });
  t.equal(selectContainers(both, 'job').length, 2);
  t.equal(selectContainer(both, 'b/job').id, id('b'));
  t.end();
});

const aProcess = (pid: number, parent: number, ...numbers: number[]): Process => ({
  pid,
  parent,
  numbers: [pid, ...numbers],
  namespace: 7,
  uid: 0,
  cgroup: '',
});

await t.test('a PID that is the start of an id, too', (t) => {
  const container = (key: string, processes: Process[]): Container => ({
    id: key.padEnd(64, 'f'),
    runtime: 'docker',
    label: key,
    name: key,
    init: processes[0]?.pid ?? 0,
    processes,
  });
  const [web, batch] = [
    container('4711abc', [aProcess(100, 1)]),
    container('beef', [aProcess(4711, 1), aProcess(4712, 4711)]),
  ];
  t.throws(() => selectContainers([web, batch], '4711'), {
    code: 'ambiguous-container',
    exitCode: 2,
    why: /4711abc \(PID 100\), beef \(PID 4711\)/,
    next: /id, or the PID of another process/,
  });
  t.throws(() => selectContainer([web, batch], '4711'), { code: 'ambiguous-container' });
  for (const [selector, wanted] of [
    ['4712', batch],
    ['4711a', web],
    ['beef', batch],
  ] as const)
    t.same(selectContainers([web, batch], selector), [wanted], selector);
  const own = container('4711', [aProcess(4711, 1)]);
  t.same(selectContainers([own, container('beef', [])], '4711'), [own], 'both of one container');
  t.end();
});

await t.test('the first process of a container', (t) => {
  const starts: Record<number, number> = { 5: 900, 6: 950, 30000: 100, 30001: 100 };
  const startOf = (pid: number): number => starts[pid] ?? 0;
  const first = (...processes: Process[]): number | undefined => firstProcess(processes, startOf)?.pid;
  t.equal(
    first(aProcess(5, 30000), aProcess(6, 5), aProcess(30000, 9999)),
    30000,
    'numbers began anew; it shares the PID namespace of the host',
  );
  t.equal(first(aProcess(5, 9999), aProcess(30000, 9999)), 30000, 'beside one that docker exec started');
  t.equal(first(aProcess(30001, 30000), aProcess(30000, 9999)), 30000, 'both at the same time');
  t.equal(
    first(aProcess(5, 30000, 2), aProcess(30000, 9999, 1), aProcess(6, 30000, 3, 1)),
    30000,
    'PID 1 of its own namespace',
  );
  t.equal(first(), undefined);
  const [own, parent] = [startTime(process.pid), startTime(process.ppid)];
  t.ok(parent > 0 && own >= parent && startTime(0) === 0, `${parent}, then ${own}`);
  t.end();
});

await t.test('names that Kubernetes gives to containers of docker', (t) => {
  t.same(splitName('k8s_main_trainer-0_research_8dbc5577-d0e2-4706-8787-57d52c03ddf2_0'), {
    pod: { namespace: 'research', name: 'trainer-0', container: 'main' },
  });
  t.same(splitName('k8s_web'), { name: 'k8s_web' });
  t.end();
});

await t.test(
  'docker',
  {
    skip:
      (await lacking(['dockerd', 'docker', 'mmdebstrap'], true)) ||
      (isOnHost() ? false : 'NOT TESTED: this machine is a container'),
    timeout: 300_000,
  },
  async (t) => {
    const docker = await startDocker();
    t.teardown(() => docker.stop());
    await docker.check('import', await baseImage([]), 'base');
    const name = `docker-${process.pid}`;
    const full = (
      await docker.check('run', '--detach', '--network=none', `--name=${name}`, 'base', 'sleep', '1000')
    ).trim();
    const init = Number(await docker.check('inspect', '--format', '{{.State.Pid}}', name));
    const { env } = docker;
    t.match(await mpu(['translate', '1', '--to-host', '--in', name], { env }), { status: 0, stdout: `${init}\n` });
    const document = JSON.parse(
      (await mpu(['translate', String(init), '--to-container', '--json'], { env })).stdout,
    ) as object;
    t.match(document, { pids: [{ pid: init, translated: 1, container: name }] });
    const status = JSON.parse((await mpu(['status', '--json'], { env })).stdout) as {
      containers: object[];
      runtimes: object[];
    };
    t.match(
      status.runtimes.find((each) => 'name' in each && each.name === 'docker'),
      { version: /^\d/, cdi: /yes|no/ },
    );
    t.match(
      status.containers.find((each) => 'id' in each && each.id === full),
      { label: name, runtime: 'docker', injected: false },
    );
    const doctor = await mpu(['doctor', '--container', name, '--json'], { env });
    t.equal(doctor.status, 1);
    t.match(JSON.parse(doctor.stdout), { ok: false, place: 'container', container: name });

    const dead = { ...env, DOCKER_HOST: 'unix:///nonexistent' };
    const unnamed = JSON.parse((await mpu(['status', '--json'], { env: dead })).stdout) as { containers: object[] };
    t.match(
      unnamed.containers.find((each) => 'id' in each && each.id === full),
      { label: full.slice(0, 12), runtime: 'docker' },
      'without the daemon by its id',
    );
  },
);
