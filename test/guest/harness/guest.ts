// SPDX-License-Identifier: GPL-2.0-only
/** Boots a kernel under QEMU, without KVM, and reads what its init says. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { withLock } from '#mpu/lib/system/download-cache.js';
import { packageRoot } from '#mpu/lib/package/root.js';
import type { Architecture, Kernel } from './kernels.js';

/** What a guest's init starts every line with; the kernel writes to the same console. */
const PREFIX = 'mpu-guest: ';

/** One case of a guest. */
export interface GuestCase {
  name: string;
  ok: boolean;
  /** From the end of the case before. */
  seconds: number;
}

/** What became of a subject. */
export interface SubjectResult {
  cases: GuestCase[];
  /** It ended by itself and well. */
  ended: boolean;
  /** What it left in the kernel, such as a module. */
  left: string[];
}

/** What became of a guest. */
export interface GuestResult {
  /** Its init has said something. */
  began: boolean;
  /** By the names of those that began, in their order. */
  subjects: Map<string, SubjectResult>;
  /** Lines of the benchmark, without their first word. */
  measurements: string[];
  /** The last line was said and QEMU ended the way the guest's init ends it. */
  finished: boolean;
  /** Why it did not finish: the subject that was running, QEMU's status and the end of the console. */
  ending: string;
}

/** Cases by subject; one more where the kernel looks for memory that was lost. */
export const CASES = {
  netlink: 42,
  interception: 20,
  lockdown: 5,
  rounds: 4,
  timing: 4,
  absent: 3,
  pidns: 9,
} as const;

/**
 * How many of them a kernel has: Debian's for arm64 are built without live patches, those of a source tree may be, and cannot
 * be locked down; one case that takes a minute is done on 6.12.
 */
export function casesOf(subject: keyof typeof CASES, { architecture, release, config }: Kernel): number {
  const lacks = (name: string, usual: boolean): number => Number(config === undefined ? usual : !config.has(name));
  switch (subject) {
    case 'interception':
      return (
        CASES[subject] + Number(release.startsWith('6.12.')) - lacks('CONFIG_LIVEPATCH', architecture === 'aarch64')
      );
    case 'lockdown':
      return CASES[subject] - 2 * lacks('CONFIG_SECURITY_LOCKDOWN_LSM', false);
    default:
      return CASES[subject];
  }
}

/**
 * What a guest can do, in the order in which it does it: cases in C of `test/guest/cases`, or programs of it for node. The
 * last two can only come last: they lock the kernel down.
 */
export const TASKS = [
  'netlink',
  'pidns',
  'interception',
  'absent',
  'rounds',
  'timing',
  'bench',
  'bench-intercept',
  'planted',
  'driver',
  'clients',
  'intercepted-clients',
  'mpu-module',
  'lockdown',
  'mpu-module-locked',
] as const;

/** A part of what a guest does. */
export interface Task {
  subject: (typeof TASKS)[number];
  /** What it takes: a number of rounds, or a mistake. */
  argument?: string | number;
  /** Seconds until it is given up. */
  timeout: number;
}

/** How to run a guest. */
export interface GuestOptions {
  /**
   * How two CPUs are emulated: by one thread, which is steadier, or by a thread each, so that they really race. By one
   * thread a CPU goes on for 100 ms, and whoever interrupts it waits for that; interleaved, until the next timer of a clock
   * that counts instructions, and nobody waits while nothing is to be done. Or one CPU with such a clock, a nanosecond an
   * instruction, whatever else this machine does.
   */
  cpus?: 'in-turn' | 'interleaved' | 'in-parallel' | 'counted';
  /** MiB of memory; 512 unless given. */
  memory?: number;
  /** A file that is the guest's disk /dev/nvme0n1, for more than a console can say. */
  disk?: string;
  /** Told every line of the console. */
  onLine?: (line: string) => void;
}

interface Machine {
  program: string;
  arguments: string[];
  /** How to emulate two CPUs unless asked for otherwise. */
  cpus: 'in-turn' | 'in-parallel';
  /** Parameters of the kernel. */
  parameters: string;
  /** Exit status of QEMU when the guest's init ends it. */
  status: number;
}

const MACHINES: Record<Architecture, Machine> = {
  x86_64: {
    program: 'qemu-system-x86_64',
    // cmpxchg16b is emulated wrongly when two CPUs use it; in parallel, self-modifying kernel code is not safe either.
    arguments: ['-M', 'pc', '-cpu', 'max,-cx16', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'],
    cpus: 'in-turn',
    // The check that the timer's interrupt arrives counts on a CPU that runs all the time.
    parameters: 'console=ttyS0 no_timer_check',
    status: 33,
  },
  aarch64: {
    program: 'qemu-system-aarch64',
    // Real pointer authentication takes most of the emulator's time. In turn, each interrupt from one CPU to the other
    // waits for a time slice, and loading a module needs many.
    arguments: ['-M', 'virt', '-cpu', 'max,pauth-impdef=on'],
    cpus: 'in-parallel',
    parameters: 'console=ttyAMA0',
    status: 0,
  },
};

const CPUS = {
  'in-turn': ['-smp', '2', '-accel', 'tcg,thread=single'],
  'in-parallel': ['-smp', '2', '-accel', 'tcg,thread=multi'],
  interleaved: ['-smp', '2', '-accel', 'tcg,thread=single', '-icount', 'shift=3,sleep=off'],
  counted: ['-smp', '1', '-accel', 'tcg,thread=single', '-icount', 'shift=0,sleep=off'],
};

/** Lines of the console that are kept for when something goes wrong, and when nothing goes on any more. */
const KEPT_LINES = 40;
const KEPT_LINES_OF_HANG = 600;
/** Milliseconds between two of the last questions. */
const LAST_WORDS_MS = 5_000;

/** Has a kernel that hangs say on its console which tasks wait for what, and what its processors do. */
async function askWhyItHangs(qemu: ChildProcessWithoutNullStreams): Promise<void> {
  // SysRq: a break on the serial line, and a letter. From 9 on all is shown.
  for (const command of ['9', 'l', 'w', 't']) {
    qemu.stdin.write('\x01b');
    await delay(LAST_WORDS_MS / 10);
    qemu.stdin.write(command);
    await delay(LAST_WORDS_MS);
  }
}

/** Seconds from the start to init's first line, and from the end of the last subject to the end of QEMU. */
const BOOT_S = 120;

/** Collects what a guest says. */
class Reader {
  readonly subjects = new Map<string, SubjectResult>();
  readonly measurements: string[] = [];
  began = false;
  done = false;
  /** The subject that is running. */
  running: string | undefined;
  /** When it began, or its last case ended, in milliseconds. */
  private last = 0;

  private lap(): number {
    const now = performance.now();
    const seconds = (now - this.last) / 1000;
    this.last = now;
    return seconds;
  }

  /** Returns true for a line that begins or ends a part of the guest's work. */
  read(said: string): boolean {
    this.began = true;
    const [, verb = '', name = '', rest = ''] = /^(begin|end|left|done|bench) ?(\S*) ?(.*)$/.exec(said) ?? [];
    const subject = this.subjects.get(verb === 'left' ? name : (this.running ?? ''));
    const [, not, title] = /^(not )?ok \d+ - (.*)$/.exec(said) ?? [];
    if (title !== undefined) subject?.cases.push({ name: title, ok: not === undefined, seconds: this.lap() });
    if (verb === 'bench') this.measurements.push(said.slice('bench '.length));
    if (verb === 'left') subject?.left.push(rest);
    if (verb === 'begin') {
      this.running = name;
      this.lap();
      this.subjects.set(name, { cases: [], ended: false, left: [] });
    }
    if (verb === 'end') {
      if (subject !== undefined) subject.ended = rest === '0';
      this.running = undefined;
    }
    if (verb === 'done') this.done = true;
    return verb === 'begin' || verb === 'end';
  }
}

async function boot(
  kernel: Kernel,
  initramfs: string,
  tasks: readonly Task[],
  options: GuestOptions,
): Promise<GuestResult> {
  const machine = MACHINES[kernel.architecture];
  const { cpus = machine.cpus, memory = 512, disk } = options;
  const words = tasks.map(({ subject, argument }) => (argument === undefined ? subject : `${subject}:${argument}`));
  const parameters = `${machine.parameters} loglevel=4 panic=-1 panic_on_warn=1 oops=panic sysctl.kernel.sysrq=1 -- ${words.join(' ')}`;
  // A guest does not outlive the test that runs it, however that ends.
  const qemu = spawn(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', machine.program],
      ...machine.arguments,
      ...CPUS[cpus],
      ...['-m', String(memory), '-display', 'none', '-no-reboot', '-nodefaults'],
      // Multiplexed for the sake of ^A b alone, which is a break.
      ...['-chardev', 'stdio,id=console,mux=on,signal=off', '-serial', 'chardev:console'],
      ...(disk === undefined
        ? []
        : ['-drive', `if=none,id=disk,format=raw,file=${disk}`, '-device', 'nvme,serial=disk,drive=disk']),
      ...['-kernel', kernel.image, '-initrd', initramfs, '-append', parameters],
    ],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const reader = new Reader();
  const tail: string[] = [];
  let late = '';
  let timer: NodeJS.Timeout | undefined;
  const limit = (): void => {
    clearTimeout(timer);
    const { running } = reader;
    const seconds = tasks.find(({ subject }) => subject === running)?.timeout ?? BOOT_S;
    timer = setTimeout(() => {
      late = `was stopped after ${seconds} s`;
      void askWhyItHangs(qemu).then(() => qemu.kill('SIGKILL'));
    }, seconds * 1000);
  };
  const read = (text: string): void => {
    const line = text.replace(/\r$/, '');
    options.onLine?.(line);
    tail.push(line);
    if (tail.length > (late === '' ? KEPT_LINES : KEPT_LINES_OF_HANG)) tail.shift();
    const start = line.indexOf(PREFIX);
    if (start >= 0 && reader.read(line.slice(start + PREFIX.length)) && late === '') limit();
  };
  limit();
  createInterface({ input: qemu.stdout }).on('line', read);
  createInterface({ input: qemu.stderr }).on('line', read);

  // It may end while it is being asked.
  qemu.stdin.on('error', () => undefined);
  const status = await new Promise<number | null>((resolve, reject) => {
    qemu.once('error', reject);
    qemu.once('close', resolve);
  }).finally(() => {
    clearTimeout(timer);
  });
  const { began, subjects, measurements, done, running } = reader;
  const how = late === '' ? `ended with status ${String(status)}` : late;
  const when = running === undefined ? '' : ` during ${running}`;
  return {
    began,
    subjects,
    measurements,
    finished: done && late === '' && status === machine.status,
    ending: `${machine.program} ${how}${when}; the end of its console:\n${tail.join('\n')}`,
  };
}

/** What became of a guest's only subject. */
export function onlySubject({ subjects }: GuestResult): SubjectResult {
  return [...subjects.values()][0] ?? { cases: [], ended: false, left: [] };
}

/**
 * Boots a kernel with an initramfs, has it carry out tasks and waits for its end. One guest runs at a time on a machine. One
 * that dies before its init has said anything is booted once more: emulators of several CPUs do not always survive a boot, and
 * no module has been loaded by then.
 */
export async function runGuest(
  kernel: Kernel,
  initramfs: string,
  tasks: readonly Task[],
  options: GuestOptions = {},
): Promise<GuestResult> {
  // Two at once on few CPUs would run into their own time limits.
  return withLock(join(packageRoot, 'build', 'guest', 'guest.lock'), async () => {
    const result = await boot(kernel, initramfs, tasks, options);
    if (result.began) return result;
    process.stderr.write(`booting once more: ${result.ending}\n`);
    return boot(kernel, initramfs, tasks, options);
  });
}
