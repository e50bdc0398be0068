// SPDX-License-Identifier: GPL-2.0-only
/** `mpu pidns` on this machine, with a /run of its own. */
import t from 'tap';
import { PrivateHost } from '../cdi/host.js';
import { BOOT, SHUTDOWN, startHostToBoot } from '../cdi/systemd.js';
import { lackingIterator } from '../pidns/host.js';
import { mpu } from '../support/mpu.js';

t.setTimeout(180_000);

const skip = await lackingIterator(['unshare', 'nsenter', 'setpriv']);

interface Answer {
  ok: boolean;
  outcome?: string;
  state?: string;
  translator?: string | null;
  form?: string;
  atBoot?: string | null;
  error?: { code: string; why: string; next: string };
}

await t.test('enable, status, disable', { skip }, async (t) => {
  const host = await PrivateHost.start();
  t.teardown(() => host.stop());
  const ask = async (command: string): Promise<Answer> =>
    JSON.parse((await host.run(`mpu --json pidns ${command}`)).stdout) as Answer;

  t.match(await ask('status'), { ok: true, state: 'absent', translator: null, atBoot: null });
  t.match(await ask('disable'), { outcome: 'unchanged' }, 'there is nothing to take away');

  const form = /^(direct|read)$/;
  t.match(await ask('enable'), { ok: true, outcome: 'enabled', state: 'iterator', translator: 'bpf', form });
  const mount = await host.check('grep " /run/mpu/pidns " /proc/self/mountinfo');
  t.match(
    mount,
    / \/(direct|read) \/run\/mpu\/pidns ro,nosuid,nodev,noexec.* - bpf mpu ro,/,
    'read-only on both levels',
  );
  t.equal(await host.check('stat -c "%a %u" /run/mpu/pidns; ls -A /run/mpu'), '444 0\npidns\n', 'one file');
  t.match(await ask('enable'), { outcome: 'unchanged', translator: 'bpf' });
  t.match(await ask('enable --translator bpf'), { outcome: 'unchanged' });
  t.equal(await host.check('grep " /run/mpu/pidns " /proc/self/mountinfo'), mount, 'nothing is done twice');
  t.match((await host.run('mpu status')).stdout, /pidns is a BPF iterator of the host/);
  t.match(
    (await host.run('mpu doctor')).stdout,
    /pidns is a BPF iterator[^]*live proof[^]*PID 1 is \d+ on the host and back/,
  );

  t.match(await ask('disable'), { outcome: 'disabled', unit: null });
  t.equal(
    await host.check('find /run -name "mpu*" ! -path "/run/mpu-bin*"; grep -c mpu /proc/self/mountinfo || true'),
    '0\n',
  );

  await t.test('a leftover of a loader that was killed, and a directory that docker made', async (t) => {
    await host.check('mkdir -p /run/mpu/pidns.new /run/mpu/pidns; mount -t bpf none /run/mpu/pidns.new');
    t.match(await ask('enable'), { outcome: 'enabled', translator: 'bpf' });
    t.equal(await host.check('ls -A /run/mpu'), 'pidns\n');
    t.match(await ask('disable'), { outcome: 'disabled' });
    t.match(await ask('disable'), { outcome: 'unchanged' });
  });

  await t.test('two at once', async (t) => {
    await host.check('mpu pidns enable & mpu pidns enable & mpu pidns enable --translator bpf; wait');
    t.match(await ask('status'), { translator: 'bpf' });
    t.equal((await host.check('grep " /run/mpu/pidns " /proc/self/mountinfo')).split('\n').length, 2, 'mounted once');
    await ask('disable');
  });

  await t.test('a path that is in the way', async (t) => {
    await host.check('mkdir -p /run/mpu/pidns; touch /run/mpu/pidns/x');
    const ended = await host.run('mpu pidns enable');
    t.match(ended, { status: 3, stdout: '', stderr: /bpf: [^]*EISDIR/ });
    t.equal(
      await host.check('ls -A /run/mpu /run/mpu/pidns'),
      '/run/mpu:\npidns\n\n/run/mpu/pidns:\nx\n',
      'is left alone',
    );
    await host.check('rm -r /run/mpu');
  });

  await t.test('refusals', async (t) => {
    const drop = 'setpriv --bounding-set=-all --inh-caps=-all --';
    t.match(await host.run(`${drop} /run/mpu-bin/mpu pidns enable`), {
      status: 4,
      stdout: '',
      stderr: /lacks CAP_SYS_ADMIN, CAP_BPF, CAP_PERFMON[^]*next: run it on the host: mpu pidns enable\n/,
    });
    t.match(await host.run('unshare --pid --fork --mount-proc mpu pidns enable'), {
      status: 3,
      stderr: /this host is itself a container/,
    });
    t.match(await host.run('mpu pidns enable --persist'), { status: 3, stderr: /systemd does not manage this system/ });
    t.match(await host.run('mpu pidns enable --translator module'), { status: 2, stderr: /auto, bpf, nsfs/ });
    t.equal(await host.check('ls /run'), await host.check('ls /run | grep -v "^mpu$"'), 'nothing is left');
    await host.check('mount --bind /mnt /sys/kernel/btf');
    t.match(await host.run('mpu pidns enable --translator bpf'), {
      status: 3,
      stderr: /the kernel has no BTF: [^]*CONFIG_DEBUG_INFO_BTF[^]*next: sudo mpu module load/,
    });
    await host.check('umount /sys/kernel/btf');
  });
});

await t.test('at each boot', { skip }, async (t) => {
  const host = await startHostToBoot();
  t.teardown(() => host.stop());
  const booted = (await host.run(BOOT)).status === 0;
  await t.test('by systemd', { skip: booted ? false : 'NOT TESTED: systemd does not run here' }, async (t) => {
    t.teardown(() => host.run(SHUTDOWN));
    t.match(await host.run('mpu pidns enable --persist'), {
      status: 0,
      stdout: /enabled\n {2}translator: bpf/,
    });
    t.match(await host.run('mpu pidns enable --persist'), { status: 0, stdout: /unchanged/ });
    await host.check(SHUTDOWN);
    t.match(await host.run('test -e /run/mpu/pidns'), { status: 1 }, 'a shutdown takes it away');
    await host.check(BOOT);
    await host.check('systemctl start multi-user.target');
    t.match(await host.run('mpu pidns status'), { stdout: /translator: bpf/ }, 'the next boot puts it there');
    t.match(await host.run('mpu pidns enable --persist --translator nsfs'), {
      status: 0,
      stdout: /enabled\n {2}translator: nsfs/,
    });
    t.match(await host.check('cat /etc/systemd/system/mpu-pidns.service'), /pidns enable --translator nsfs\n/);
    t.match(await host.run('mpu pidns disable --persist'), { status: 0, stdout: /disabled\n.*mpu-pidns\.service/ });
    t.equal(await host.check('find /etc/systemd /run/mpu -name "mpu*" 2>/dev/null || true'), '');
  });
});

await t.test('help', async (t) => {
  t.match(await mpu(['pidns', '--help']), { status: 0, stdout: /bpf {4}a BPF task iterator[^]*Examples:/ });
});
