// SPDX-License-Identifier: GPL-2.0-only
/** `mpu doctor` inside containers that refuse something: netlink sockets as a filter does, the GPU as a device cgroup does. */
import { join } from 'node:path';
import t from 'tap';
import type { CheckResult } from '#mpu/lib/doctor/check.js';
import { nativeLibrary } from '#mpu/lib/payload/libraries.js';
import { lacking } from '../support/engines.js';
import { run, type Ended } from '../support/mpu.js';
import { CLI } from './gpu-host.js';

/** A host with the namespace file, and a container of it that sees /sys/module/mpu and a GPU; the rest of the line runs in it. */
const CONTAINER = `set -e
touch "$1/pidns"
mount --bind /proc/self/ns/pid "$1/pidns"
mount -t tmpfs none /sys/module
mkdir /sys/module/mpu "$1/dev"
for device in null zero random urandom; do
  touch "$1/dev/$device"
  mount --bind /dev/$device "$1/dev/$device"
done
touch "$1/dev/nvidiactl"
mount --rbind "$1/dev" /dev
export MPU_PIDNS="$1/pidns"
shift
exec unshare --pid --fork --kill-child --mount-proc "$@"`;

const skip = await lacking(['unshare', 'strace'], true);

await t.test('refusals inside', { skip, timeout: 120_000 }, async (t) => {
  let containers = 0;
  const inside = async (words: readonly string[]): Promise<Ended> => {
    const directory = t.testdir({ [String(containers)]: {} });
    return run('unshare', ['--mount', 'sh', '-c', CONTAINER, 'sh', join(directory, String(containers++)), ...words]);
  };
  const refusing = (call: string, error: string, ...more: string[]): string[] => [
    'strace',
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    ...more,
    '-e',
    `trace=${call}`,
    '-e',
    `inject=${call}:error=${error}`,
  ];
  const mpu = [process.execPath, CLI];
  const doctor = async (around: readonly string[]): Promise<Record<string, CheckResult>> => {
    const { stdout, stderr } = await inside([
      ...around,
      'env',
      `LD_PRELOAD=${nativeLibrary()}`,
      ...mpu,
      'doctor',
      '--json',
    ]);
    t.equal(stderr, '');
    const { checks } = JSON.parse(stdout) as { checks: CheckResult[] };
    return Object.fromEntries(checks.map((each) => [each.id, each]));
  };

  const free = await doctor([]);
  t.match(free, {
    device: { verdict: 'ok', why: /can be opened/ },
    module: { verdict: 'info', why: /^not loaded; the namespace file does its work$/ },
    proof: { verdict: 'ok', why: /this program, PID 1, is \d+ on the host and back, by the namespace file/ },
  });

  const refused = refusing('socket', 'EPERM');
  t.match(
    await inside([...refused, ...mpu, 'translate', '1', '--to-host']),
    { status: 0, stdout: /^\d+\n$/ },
    'the namespace file translates',
  );
  t.match(
    await doctor(refused),
    {
      preload: { verdict: 'ok' },
      module: {
        verdict: 'info',
        why: /^cannot be asked here: netlink cannot be used \(EPERM.*; the namespace file does its work$/,
      },
      proof: { verdict: 'ok', why: /by the namespace file/ },
    },
    'netlink that is refused is no reason not to prove the file',
  );

  t.match(await doctor(refusing('openat', 'EPERM', '-P', '/dev/nvidiactl')), {
    device: { verdict: 'fail', why: /device cgroup does not let it be opened/, next: /--gpus all/ },
  });
});
