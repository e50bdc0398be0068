// SPDX-License-Identifier: GPL-2.0-only
/**
 * Both sides of each probe of kernel/configure: mpu.ko is built for the newest kernel that is tested, where every probe
 * compiles, and for an older one than Debian has, where none does: the headers of 5.10, with what is newer than 5.4 or 4.18
 * taken out of them.
 */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t from 'tap';
import { packageRoot } from '#mpu/lib/package/root.js';
import { buildModule } from '../guest/harness/build.js';
import { kernelOf, type Kernel } from '../guest/harness/kernels.js';
import { check, run } from '../support/mpu.js';

/** Slow downloads included. */
t.setTimeout(600_000);

/** A part of a header, and what an older kernel has in its place. */
type Change = [header: string, part: RegExp, older: string];

/** What came after 5.4 or 4.18. The other probes fail on 5.10 itself. */
const OLDER: Change[] = [
  ['include/linux/ftrace.h', /^\tFTRACE_OPS_FL_PERMANENT .*\n/m, ''],
  [
    'include/net/genetlink.h',
    /(?<=^struct genl_ops \{[^}]*)\tconst struct nla_policy \*policy;\n\tunsigned int\t\tmaxattr;\n/m,
    '',
  ],
  ['include/linux/timekeeping.h', /\bktime_get_boottime_ns\(/, 'ktime_get_boot_ns('],
  ['include/linux/pid.h', /\bpid_has_task\(/, 'no_pid_has_task('],
  ['include/linux/sysfs.h', /\bint sysfs_emit\(/g, 'int no_sysfs_emit('],
  ['arch/x86/include/asm/ptrace.h', /\bregs_get_kernel_argument\((?=struct)/, 'no_regs_get_kernel_argument('],
];
/** Before Linux 5.2, and in no 4.18 of Red Hat Enterprise Linux 8. */
const TOO_OLD: Change[] = [['include/net/netlink.h', /\bNLA_POLICY_RANGE\(/g, 'NO_NLA_POLICY_RANGE(']];

/** Headers of a kernel with changes, in a directory to be searched before the kernel's own. */
async function writeOlder(kernel: Kernel, changes: Change[], directory: string): Promise<void> {
  const common = kernel.headers.replace(/-cloud-amd64$/, '-common');
  for (const [header, part, older] of changes) {
    const target = join(directory, header.replace(/^.*include\//, ''));
    const text = await readFile(target, 'utf8').catch(() => readFile(join(common, header), 'utf8'));
    if (!part.test(text)) throw new Error(`${header} has no ${String(part)}`);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, text.replace(part, older));
  }
}

/** Names of the probes that compiled, from a file that Kbuild leaves. */
async function compiled(directory: string, probes: string[]): Promise<string[]> {
  const command = await readFile(join(directory, '.main.o.cmd'), 'utf8');
  return probes.filter((name) => command.includes(` -DHAS_${name} `));
}

const probes = (await readdir(join(packageRoot, 'kernel', 'configure'))).filter(
  (name) => !['SANITY', 'OLDEST'].includes(name),
);
const scratch = await mkdtemp(join(tmpdir(), 'mpu-compat-'));
t.teardown(() => rm(scratch, { recursive: true, force: true }));

/** Builds mpu.ko for Linux 5.10 with changed headers. */
async function buildOlder(
  name: string,
  changes: Change[],
): Promise<{ directory: string; status: number | null; output: string }> {
  const kernel = await kernelOf('5.10');
  const directory = join(scratch, name);
  const older = join(scratch, `${name}-headers`);
  await writeOlder(kernel, changes, older);
  await cp(join(packageRoot, 'kernel'), directory, { recursive: true });
  const own = (await check('gcc', ['-print-file-name=include'])).trim();
  const { status, stdout, stderr } = await run('make', [
    ...['-C', kernel.headers, `M=${directory}`, 'CC=gcc', 'KCFLAGS=-Wno-attributes'],
    ...[`NOSTDINC_FLAGS=-nostdinc -isystem ${own} -I${older}`, 'modules'],
  ]);
  return { directory, status, output: `${stdout}${stderr}` };
}

await t.test('the newest kernel has it all', async (t) => {
  const { path, warnings } = await buildModule(await kernelOf('7.3'));
  t.same(warnings, []);
  t.same(await compiled(dirname(path), probes), probes);
});

await t.test('an older kernel has none of it', async (t) => {
  const { directory, status, output } = await buildOlder('older', OLDER);
  t.equal(status, 0, output);
  t.notMatch(output, /\b(warning|error)\b/i, 'it builds without warnings');
  t.same(await compiled(directory, probes), []);
});

await t.test('a kernel that is too old is refused in one line', async (t) => {
  const { status, output } = await buildOlder('too-old', TOO_OLD);
  t.not(status, 0);
  const errors = output.split('\n').filter((line) => /\berror\b|\*\*\* mpu:/.test(line));
  t.equal(errors.length, 1, output);
  t.match(errors[0], /\*\*\* mpu: Linux 5\.10\.\d+ is older than mpu\.ko supports/);
});
