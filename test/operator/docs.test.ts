// SPDX-License-Identifier: GPL-2.0-only
/** Types every command of docs/doctor.md and docs/ps.md, on a host with a container `web`. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { checkout } from '../lib/mpu.js';
import { CLI, INJECTED, Machine, noContainers, World } from './world.js';

const MPU = `"${process.execPath}" "${CLI}"`;

/** The lines of a page's `sh` blocks. */
async function commandsOf(page: string): Promise<string[]> {
  const text = await readFile(join(checkout, 'docs', page), 'utf8');
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = '']) => block.trimEnd().split('\n'));
}

await t.test('docs/doctor.md and docs/ps.md', { skip: noContainers, timeout: 600_000 }, async (t) => {
  const machine = await Machine.start();
  t.teardown(() => machine.stop());
  const world = await World.start(machine, 'R1');
  t.teardown(() => world.stop());
  const web = `web-docs-${process.pid}`;
  await world.container(web, INJECTED, [...machine.options, ...machine.pidnsOptions], 'sleep infinity | train --memory 8192 & wait');
  const train = await world.numbers(await world.init(web), 'train');
  await world.session.run(`mpu() { ${MPU} "$@"; }; sudo() { "$@"; }; HOST_PID=${train.host}`);

  const typed: string[] = [];
  for (const page of ['doctor.md', 'ps.md']) {
    for (const command of await commandsOf(page)) {
      typed.push(command);
      // The container of the pages has a name that other tests do not use.
      const line = command.replace(/\bweb\b/, web);
      // Those that go on until an interrupt get one.
      const limited = /--watch|--listen/.test(line) ? `mpu() { timeout --preserve-status --signal=INT 3 ${MPU} "$@"; }; ${line}` : line;
      const ended = await world.shell(limited);
      t.equal(ended.status, 0, command, { ended });
      if (line.includes('--json')) t.match(JSON.parse(ended.stdout), { schemaVersion: 1 }, `${command}: one document`);
      if (line.includes('mpu ps')) t.match(ended.stdout, /8192/, `${command}: shows the process`);
      if (line.includes('to-container')) t.equal(ended.stdout, `${train.inside}\n`);
    }
  }
  for (const verb of ['doctor', 'ps', 'translate', 'status', 'metrics']) t.ok(typed.some((line) => line.includes(`mpu ${verb}`)), `mpu ${verb} was typed`);
});

await t.test('what docs/doctor.md quotes is said', async (t) => {
  const text = await readFile(join(checkout, 'docs/doctor.md'), 'utf8');
  const quotes = [...text.matchAll(/^\| `([^`]+)`(?: \||, `)/gm)].map(([, quote = '']) => quote).filter((quote) => quote.includes(' '));
  t.ok(quotes.length >= 8, `${quotes.length} of them`);
  const directory = join(checkout, 'dist/lib/doctor');
  const sources = await Promise.all((await readdir(directory)).filter((name) => name.endsWith('.js')).map((name) => readFile(join(directory, name), 'utf8')));
  const said = sources.join('').replace(/\$\{[^}]*\}/g, '').replace(/\s+/g, ' ');
  for (const quote of quotes) {
    for (const part of quote.split(/ \.\.\. |libmpu\.so \.\.\.|\/etc\/ld\.so\.preload|\/run\/mpu\/pidns|\/dev\/nvidiactl/)) t.ok(said.includes(part.trim()), `${quote}: ${part}`);
  }
});
