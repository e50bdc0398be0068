// SPDX-License-Identifier: GPL-2.0-only
/** Types every command of docs/doctor.md and docs/ps.md, and the examples of the commands' help, on a host with containers. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { checkout, mpu } from '../support/mpu.js';
import { matchesGolden } from '../commands/golden.js';
import { CLI, INJECTED, Machine, noContainers, World } from '../commands/gpu-host.js';

const MPU = `"${process.execPath}" "${CLI}"`;

/** The lines of a page's `sh` blocks. */
async function commandsOf(page: string): Promise<string[]> {
  const text = await readFile(join(checkout, 'docs', page), 'utf8');
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = '']) => block.trimEnd().split('\n'));
}

/** The examples at the end of a command's help. */
async function examplesOf(verb: string): Promise<string[]> {
  const { stdout } = await mpu([verb, '--help']);
  const [, block = ''] = /^Examples:\n((?: {2}.*\n)+)/m.exec(stdout) ?? [];
  return block
    .trimEnd()
    .split('\n')
    .map((line) => line.trim());
}

/** In the place of mpu: it gets an interrupt once it has said something. */
const INTERRUPTED = `mpu() {
	: >seen; : >seen.err
	( until [ -s seen ] || [ -s seen.err ]; do sleep 0.1; done; kill -INT "$(cat seen.pid)" ) &
	( ${MPU} "$@" 2>seen.err & echo $! >seen.pid; wait $!; echo $? >seen.status ) | tee seen
	cat seen.err >&2; wait; return "$(cat seen.status)"
}`;

const VERBS = ['doctor', 'ps', 'translate', 'status', 'metrics'];

await t.test(
  'docs/doctor.md, docs/ps.md and the examples of the help',
  { skip: noContainers, timeout: 600_000 },
  async (t) => {
    const machine = await Machine.start();
    t.teardown(() => machine.stop());
    const world = await World.start(machine, 'R1');
    t.teardown(() => world.stop());
    // Those of the pages have names that other tests do not use.
    const [web, pod] = [`web-docs-${process.pid}`, `trainer-docs-${process.pid}`];
    const annotations = ['pod.namespace=default', `pod.name=${pod}`, 'container.name=main'].map(
      (each) => `--annotation=io.kubernetes.${each}`,
    );
    const options = [...machine.options, ...machine.pidnsOptions];
    await world.container(web, INJECTED, options, 'sleep infinity | train --memory 8192 & wait');
    await world.container(pod, INJECTED, [...options, ...annotations], 'sleep infinity');
    const train = await world.numbers(await world.init(web), 'train');
    const enter = world.session.enter(await world.session.namespace());
    await world.session.run(`mpu() { ${MPU} "$@"; }; sudo() { "$@"; }; HOST_PID=${train.host}`);

    const pages = (await Promise.all(['doctor.md', 'ps.md'].map(commandsOf))).flat();
    const examples = (await Promise.all(VERBS.map(examplesOf))).flat();
    t.ok(examples.length >= 17, `${examples.length} examples`);
    const typed = [...pages, ...examples];
    for (const command of typed) {
      const own = command
        .replace(/\bweb\b/, web)
        .replace('trainer-0', pod)
        .replace('4711', String(train.host))
        .replace('translate 1 7', `translate 1 ${train.inside}`);
      // That one is for a shell in a container.
      const line = own.includes('$$') ? `${enter} sh -c '${own.replace(/^mpu/, MPU)}'` : own;
      // Those that go on until an interrupt get one.
      const ended = await world.shell(/--watch|--listen/.test(line) ? `${INTERRUPTED}; ${line}` : line);
      t.equal(ended.status, 0, command, { ended });
      const lines = ended.stdout.trimEnd().split('\n');
      // Nothing fails here.
      if (line.includes('jq'))
        t.equal(ended.stdout === '', line.includes('doctor'), `${command}: jq finds what there is`, { ended });
      else if (line.includes('--json'))
        for (const text of line.includes('--watch') ? lines : [ended.stdout])
          t.match(JSON.parse(text), { schemaVersion: 1 }, `${command}: a document`);
      if (line.includes('mpu doctor') && !line.includes('jq')) t.match(ended.stdout, /live proof/, command);
      if (line.includes('mpu ps')) t.match(ended.stdout, /8192/, `${command}: shows the process`);
      if (line.includes('to-container')) t.equal(ended.stdout, `${train.inside}\n`);
      if (line.includes(`--in ${web}`))
        t.equal(
          lines.at(-1),
          line.includes(` 1 ${train.inside} `) ? String(train.host) : String(await world.init(web)),
          command,
        );
      if (line.includes('$$')) t.ok(Number(ended.stdout) > 1, `${command}: ${ended.stdout}`);
    }
    for (const verb of VERBS)
      t.ok(
        typed.some((line) => line.includes(`mpu ${verb}`)),
        `mpu ${verb} was typed`,
      );
  },
);

await t.test('the help', async (t) => {
  for (const words of [[], ['ps'], ['metrics']]) {
    const { status, stdout } = await mpu([...words, '--help']);
    t.equal(status, 0);
    matchesGolden(t, ['help', ...words].join('-'), stdout);
  }
});

await t.test('what docs/doctor.md quotes is said', async (t) => {
  const text = await readFile(join(checkout, 'docs/doctor.md'), 'utf8');
  const quotes = [...text.matchAll(/^\| `([^`]+)`(?: \||, `)/gm)]
    .map(([, quote = '']) => quote)
    .filter((quote) => quote.includes(' '));
  t.ok(quotes.length >= 8, `${quotes.length} of them`);
  const directory = join(checkout, 'dist/lib/doctor');
  const sources = await Promise.all(
    (await readdir(directory))
      .filter((name) => name.endsWith('.js'))
      .map((name) => readFile(join(directory, name), 'utf8')),
  );
  const said = sources
    .join('')
    .replace(/\$\{[^}]*\}/g, '')
    .replace(/\s+/g, ' ');
  for (const quote of quotes) {
    for (const part of quote.split(
      / \.\.\. |libmpu\.so \.\.\.|\/etc\/ld\.so\.preload|\/run\/mpu\/pidns|\/dev\/nvidiactl/,
    ))
      t.ok(said.includes(part.trim()), `${quote}: ${part}`);
  }
});
