// SPDX-License-Identifier: GPL-2.0-only
/** Partitioned GPUs (MIG): an instance's clients learn nothing of other instances, with libmpu.so as without it. */
import t, { type Test } from 'tap';
import { regimes } from './expect.js';
import { library } from '../preload/library.js';
import { cannotTranslate } from '../nvidia-clients/harness.js';
import { type Answer, cannotUnshare, type GpuProcess, type Namespace, program, Session } from './session.js';

const NONE = 0xffffffff;

/** Who uses the GPU, and in which GPU instance and compute instance. */
const PLAN = [
  { memory: 100, gpu: 1, compute: NONE, inside: true },
  { memory: 200, gpu: 1, compute: 0, inside: true },
  { memory: 300, gpu: 1, compute: 1, inside: false },
  { memory: 400, gpu: 2, compute: NONE, inside: true },
];

type Planned = (typeof PLAN)[number] & { process: GpuProcess };

const instance = ({ gpu, compute }: { gpu: number; compute: number }): string =>
  `--instance ${gpu}${compute === NONE ? '' : `:${compute}`}`;

/** The processes in an instance; one that has a whole GPU instance sees its compute instances too. */
const within = (all: Planned[], scope: { gpu: number; compute: number }): Planned[] =>
  all.filter(({ gpu, compute }) => gpu === scope.gpu && (scope.compute === NONE || compute === scope.compute));

/** A request of the probe in a container, with libmpu.so. */
async function preloaded(session: Session, container: Namespace, request: string): Promise<Answer> {
  const variables = `LD_PRELOAD=${library('x86_64')} MPU_PIDNS=/proc/self/fd/7`;
  const { output } = await session.run(`${session.enter(container)} env ${variables} ${program('probe')} ${request}`);
  return JSON.parse(output) as Answer;
}

async function checkHost(t: Test, session: Session, all: Planned[]): Promise<void> {
  for (const scope of PLAN) {
    const options = instance(scope);
    const seen = within(all, scope);
    const { pids } = await session.probe(`${options} pids`);
    t.same(
      pids,
      seen.map(({ process }) => process.process.at(0)),
      `${options}: GET_PIDS`,
    );
    const { entries } = await session.probe(
      `${options} info 72 4 ${all.map(({ process }) => process.global).join(' ')}`,
    );
    t.same(
      entries.map((entry) => [entry.memory, ...entry.instances]),
      all.map((each) => (seen.includes(each) ? [each.memory, each.compute, each.gpu] : [0, NONE, NONE])),
      `${options}: memory and instances`,
    );
  }
}

await t.test('as the driver has it', async (t) => {
  const session = await Session.start(['--regime', 'R4', '--mig', '2']);
  const all: Planned[] = [];
  for (const plan of PLAN) {
    all.push({ ...plan, process: await session.gpuProcess(`--memory ${plan.memory} ${instance(plan)}`) });
  }
  await checkHost(t, session, all);
  t.match(await session.probe('pids'), { status: 0x1b }, 'nothing for a client of no instance');
  t.match(await session.probe('info 72 1 1'), { status: 0x1b });
  const every = await session.probe('--monitor pids');
  t.same(
    every.pids,
    all.map(({ process }) => process.global),
    'a monitor sees all instances',
  );
  t.match(await session.probe('--instance 1 samples 55888 72 776'), { status: 0x56 }, 'no utilization samples');
  t.same((await session.probe('accounting')).pids, [], 'no accounting');
  const third = await session.run(`${program('probe')} --instance 3 pids`);
  t.match(third, { code: 1, output: /cannot subscribe/ }, 'there is no third instance');
  await session.stop();
});

for (const regime of regimes) {
  await t.test(
    `${regime} with libmpu.so, in a container`,
    { skip: cannotUnshare || (cannotTranslate ?? false) },
    async (t) => {
      const session = await Session.start(['--regime', regime, '--layouts', '580.95.05', '--mig', '2']);
      await session.run('exec 7</proc/self/ns/pid');
      const container: Namespace = await session.namespace();
      const all: Planned[] = [];
      for (const plan of PLAN) {
        const args = `--memory ${plan.memory} ${instance(plan)} --clients 2`;
        all.push({ ...plan, process: await session.gpuProcess(args, plan.inside ? container : undefined) });
      }
      const own = ({ process, inside }: Planned): number => (inside ? (process.process.at(-1) ?? 0) : 0);
      for (const scope of PLAN) {
        const options = instance(scope);
        const seen = within(all, scope).filter(({ inside }) => inside);
        const { pids } = await preloaded(session, container, `${options} pids`);
        t.same(pids, seen.map(own), `${options}: own PIDs, once each, of this instance alone`);
        const asked = all.filter(({ inside }) => inside);
        const numbers = [...asked.map(own), ...all.map(({ process }) => process.global)];
        const { entries } = await preloaded(
          session,
          container,
          `${options} info 72 ${numbers.length} ${numbers.join(' ')}`,
        );
        t.same(
          entries.slice(0, asked.length).map((entry) => [entry.memory, ...entry.instances]),
          asked.map((each) => (seen.includes(each) ? [each.memory, each.compute, each.gpu] : [0, NONE, NONE])),
          `${options}: memory per instance`,
        );
        t.same(
          entries.slice(asked.length).map((entry) => entry.memory),
          all.map(() => 0),
          `${options}: nothing by host PID`,
        );
      }
      await session.stop();
    },
  );
}
