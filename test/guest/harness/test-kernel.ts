// SPDX-License-Identifier: GPL-2.0-only
/**
 * The test of one kernel: one boot for all of its subjects. Each begins with the kernel as the one before found it (subjects.c
 * sees to that), and what locks the kernel down comes last. A subject at which the guest hangs or dies fails with its name, and
 * those after it fail as not run.
 */
import { mkdir, mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { lacking } from '../../support/engines.js';
import { DISK_BYTES, diskOffset, NODE_SUBJECTS, type Plans } from '../init/plan.js';
import { buildInitramfs, buildModule } from './build.js';
import { runGuest, TASKS, type GuestCase, type GuestOptions, type GuestResult } from './guest.js';
import type { Flavour } from './kernel-packages.js';
import { kernelOf, type Architecture, type Kernel, type Series } from './kernels.js';
import { nodeUserland } from './node-userland.js';
import type { GuestOutcome, GuestTask, Prepared, Subject } from './subject.js';

/** Milliseconds for one kernel on a busy machine, a slow download included. */
const LIMIT = 3_600_000;
/** MiB of a guest's memory: node's comes with 250 of files. */
const MEMORY_MIB = { node: 1024, other: 512 };
const TOOLS: Record<Architecture, string[]> = {
  x86_64: ['qemu-system-x86_64', 'gcc', 'make', 'setpriv'],
  aarch64: ['qemu-system-aarch64', 'aarch64-linux-gnu-gcc', 'make', 'setpriv'],
};

type Preparation = { subject: Subject } & ({ prepared: Prepared } | { failure: Error });

async function prepare(subject: Subject, kernel: Kernel, scratch: string): Promise<Preparation> {
  // Without spaces, which make does not like.
  const directory = join(scratch, subject.name.replaceAll(' ', '-'));
  await mkdir(directory);
  try {
    return { subject, prepared: await subject.prepare(kernel, directory) };
  } catch (error) {
    return { subject, failure: error instanceof Error ? error : new Error(String(error)) };
  }
}

const byOrder = (a: GuestTask, b: GuestTask): number => TASKS.indexOf(a.subject) - TASKS.indexOf(b.subject);

/** The JSON document in a part of the disk; undefined where nothing has been written. */
async function readOutcome(disk: string, task: keyof Plans): Promise<unknown> {
  const file = await open(disk);
  try {
    const chunk = Buffer.alloc(1 << 20);
    let text = '';
    for (let at = diskOffset(task); !text.includes('\n') && !text.includes('\0'); at += chunk.length) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
      if (bytesRead === 0) break;
      text += chunk.toString('latin1', 0, bytesRead);
    }
    const [line = ''] = text.split('\n', 1);
    return line.startsWith('\0') ? undefined : JSON.parse(Buffer.from(line, 'latin1').toString('utf8'));
  } finally {
    await file.close();
  }
}

/** Boots the guest of what was prepared. */
async function bootAll(
  kernel: Kernel,
  all: readonly Prepared[],
  node: boolean,
  scratch: string,
  cpus: Variant['cpus'],
): Promise<GuestOutcome> {
  const module = await buildModule(kernel);
  const files = Object.assign({}, ...all.map((each) => each.files ?? {})) as Record<string, string>;
  if (node) {
    files['plan.json'] = join(scratch, 'plan.json');
    await writeFile(files['plan.json'], JSON.stringify(Object.assign({}, ...all.map(({ plan }) => plan ?? {}))));
  }
  const archives = [...(node ? [await nodeUserland()] : []), ...all.flatMap((each) => each.archives ?? [])];
  const initramfs = await buildInitramfs(kernel, module.path, files, archives);
  const disk = join(scratch, 'disk');
  await writeFile(disk, '');
  await truncate(disk, DISK_BYTES);
  const tasks = all.flatMap((each) => each.tasks).sort(byOrder);
  const memory = MEMORY_MIB[node ? 'node' : 'other'];
  const result = await runGuest(kernel, initramfs, tasks, {
    memory,
    ...(cpus === undefined ? {} : { cpus }),
    ...(node ? { disk } : {}),
  });
  const outcomes = new Map<string, unknown>();
  for (const { subject } of tasks) {
    const wrote = NODE_SUBJECTS.find((name) => name === subject);
    if (wrote === 'driver' || wrote === 'clients' || wrote === 'intercepted-clients')
      outcomes.set(wrote, await readOutcome(disk, wrote));
  }
  return { result, outcomeOf: (task) => outcomes.get(task) };
}

/** The slowest cases and their seconds, for whoever wants the suite to be faster. */
function slowest(cases: readonly GuestCase[]): string {
  const total = cases.reduce((sum, { seconds }) => sum + seconds, 0);
  const longest = [...cases].sort((a, b) => b.seconds - a.seconds).slice(0, 5);
  const each = longest.map(({ name, seconds }) => `${name} ${seconds.toFixed(1)}`);
  return `${total.toFixed()} s: ${each.join(', ')}`;
}

/** Passes on what a task's cases found, and how it ended. */
export function checkTask(t: Test, { subject, cases: wanted }: GuestTask, { subjects, ending }: GuestResult): void {
  const seen = subjects.get(subject);
  if (seen === undefined) {
    t.fail(`${subject}: not run, since the guest ended before`, { ending: ending.split('\n', 1) });
    return;
  }
  for (const { name, ok } of seen.cases) t.ok(ok, name);
  t.comment(`${subject}: ${slowest(seen.cases)}`);
  if (wanted !== undefined) t.equal(seen.cases.length, wanted, `${subject}: all cases ran`);
  if (!t.ok(seen.ended, `${subject}: it ended by itself`)) t.comment(ending);
  t.same(seen.left, [], `${subject}: it leaves nothing in the kernel`);
}

async function checkSubject(t: Test, preparation: Preparation, kernel: Kernel, outcome: GuestOutcome): Promise<void> {
  if ('failure' in preparation) throw preparation.failure;
  const { warnings, tasks, check } = preparation.prepared;
  t.same(warnings, [], `builds without warnings for ${kernel.release}`);
  for (const task of tasks) checkTask(t, task, outcome.result);
  await check?.(t, outcome);
}

/** A kernel other than the one for virtual machines of x86-64, or CPUs that are emulated otherwise. */
interface Variant {
  architecture?: Architecture;
  flavour?: Flavour;
  cpus?: GuestOptions['cpus'];
}

/** Boots a kernel once for all subjects, and checks what came of each. */
export async function checkKernel(
  t: Test,
  kernel: Kernel,
  subjects: readonly Subject[],
  cpus?: GuestOptions['cpus'],
): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'mpu-guest-'));
  t.teardown(() => rm(scratch, { recursive: true, force: true }));
  const skipped = new Map<Subject, string>();
  const preparations: Preparation[] = [];
  for (const subject of subjects) {
    const skip = await lacking([...TOOLS[kernel.architecture], ...subject.tools]);
    if (skip === false) preparations.push(await prepare(subject, kernel, scratch));
    else skipped.set(subject, skip);
  }
  const ready = preparations.filter((each) => 'prepared' in each);
  const all = ready.map(({ prepared }) => prepared);
  const node = ready.some(({ subject }) => subject.node);
  const outcome = await bootAll(kernel, all, node, scratch, cpus);
  for (const [{ name }, skip] of skipped) await t.test(name, { skip }, () => undefined);
  for (const preparation of preparations) {
    await t.test(preparation.subject.name, (t) => checkSubject(t, preparation, kernel, outcome));
  }
  if (!t.ok(outcome.result.finished, 'the guest ended by its own will')) t.comment(outcome.result.ending);
}

/**
 * Defines and runs the test of a kernel, of x86-64 and for virtual machines unless told otherwise. Downloads the kernel when
 * it is not in the cache.
 */
export async function testKernel(
  series: Series,
  subjects: readonly Subject[],
  { architecture = 'x86_64', flavour = 'cloud', cpus }: Variant = {},
): Promise<void> {
  t.setTimeout(LIMIT);
  const variants = [
    ...(flavour === 'cloud' ? [] : [flavour]),
    ...(architecture === 'x86_64' ? [] : [architecture]),
    ...(cpus === undefined ? [] : [cpus]),
  ];
  await t.test(`Linux ${[series, ...variants].join(' ')}`, { timeout: LIMIT }, async (t) =>
    checkKernel(t, await kernelOf(series, architecture, flavour), subjects, cpus),
  );
}
