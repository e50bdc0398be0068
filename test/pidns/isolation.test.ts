// SPDX-License-Identifier: GPL-2.0-only
/** What a container can try with the BPF iterator, and what stops it (docs/security.md). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { PrivateHost } from '../cdi/host.js';
import { lackingIterator, READER } from './host.js';

t.setTimeout(180_000);

const skip = await lackingIterator(['unshare', 'nsenter', 'setpriv']);

/** A shell in a new PID namespace. */
const contain = (script: string, more = ''): string =>
  `unshare --pid --fork --kill-child --mount-proc ${more} bash -euc '${script}'`;

/** Records of a list: host and own numbers of threads and processes. */
const records = (text: string): number[][] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' ').map(Number));

await t.test('the iterator tells a container nothing of others', { skip }, async (t) => {
  const host = await PrivateHost.start();
  t.teardown(() => host.stop());
  t.match(await host.run('mpu pidns enable --translator bpf'), { status: 0, stdout: /enabled/, stderr: '' });

  await t.test('the host sees all, a container itself', async (t) => {
    const all = records(await host.check(`${READER} list`));
    t.ok(all.length > 5 && all.every(([hostTid, hostPid, tid, pid]) => hostTid === tid && hostPid === pid), 'the host');
    const own = records(await host.check(contain(`sleep 100 & ${READER} list`)));
    t.same(
      own.map(([, , tid, pid]) => [tid, pid]),
      [1, 2, 3].map((pid) => [pid, pid]),
      'a container: its shell, sleep and the reader',
    );
    t.ok(
      own.every(([hostTid = 0, hostPid]) => hostTid === hostPid && hostTid > 3),
      'with numbers of the host',
    );
  });

  await t.test('siblings and nested containers', async (t) => {
    const nested = contain(`sleep 100 & exec ${READER} list`).replaceAll("'", '"');
    const own = records(await host.check(contain(nested)));
    t.same(
      own.map(([, , , pid]) => pid),
      [1, 2],
      'a nested one sees itself',
    );
    const above = await host.check(contain(`unshare --pid --fork --kill-child sleep 100 & sleep 1; ${READER} list`));
    t.equal(records(above).length, 3, 'the one around it sees both: the reader, unshare, the nested sleep');
  });

  await t.test('other users, without capabilities, in user namespaces', async (t) => {
    const nobody =
      'setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs';
    for (const script of [
      contain(`exec ${nobody} ${READER} list`),
      contain(`exec ${READER} list`, '--user --map-root-user'),
      `${nobody} ${contain(`exec ${READER} list`, '--user --map-root-user')}`,
    ]) {
      const own = records(await host.check(script));
      t.same(
        own.map(([, , tid, pid]) => [tid, pid]),
        [[1, 1]],
        script,
      );
    }
  });

  await t.test('a descriptor that the host opened and passed on', async (t) => {
    t.equal(
      await host.check(`exec 7</run/mpu/pidns; ${contain(`${READER} passed 7`)}`),
      'errno 11\n',
      'EAGAIN at once',
    );
    t.match(
      await host.check(`exec 7</run/mpu/pidns; ${READER} passed 7`),
      /^\d{3,} bytes\n$/,
      'for the host it is a list',
    );
    const sibling = `exec 7</run/mpu/pidns; nsenter --pid=/proc/$other/ns/pid_for_children ${READER} passed 7`;
    const script = `unshare --pid --fork --kill-child sleep 100 >/dev/null 2>&1 & other=$!; sleep 1; ${sibling}; kill -9 $other`;
    t.equal(await host.check(script), 'errno 11\n', 'after setns()');
  });

  await t.test('after setns() a child sees its new namespace, and the caller its own', async (t) => {
    const script = `unshare --pid --fork --kill-child sleep 100 >/dev/null 2>&1 & other=$!; sleep 1
nsenter --pid=/proc/$other/ns/pid_for_children ${READER} list; echo; nsenter --no-fork --pid=/proc/$other/ns/pid_for_children ${READER} list; kill -9 $other`;
    const [child = '', caller = ''] = (await host.check(script)).split('\n\n');
    t.equal(records(child).length, 2, 'sleep and the reader');
    t.ok(records(caller).length > 5, 'all of the host');
  });

  await t.test('writing', async (t) => {
    t.equal(await host.check(`${READER} write`), 'errno 30\n', 'EROFS, for root');
    t.equal(await host.check(`setpriv --reuid=65534 --clear-groups ${READER} write`), 'errno 30\n', 'and for others');
  });

  await t.test('the link, with CAP_BPF and CAP_DAC_OVERRIDE and no seccomp filter', async (t) => {
    const refused = 'read and write: EROFS\nread: EINVAL\nwrite: EROFS\n';
    const capable = contain(`exec setpriv --bounding-set=-sys_admin ${READER} link`);
    t.equal(await host.check(capable), refused);
    t.equal(await host.check(`${READER} link`), refused, 'not even root of the host');
    t.match(
      await host.check(contain(`exec ${READER} link`, '--user --map-root-user')),
      /^(read|write|read and write): (EPERM|EROFS|EACCES|EINVAL)\n/,
      'root of a user namespace',
    );
    const remount = 'mount -o remount,rw /run/mpu/pidns';
    t.not(
      (await host.run(contain(`exec setpriv --bounding-set=-sys_admin ${remount}`))).status,
      0,
      'and none remounts it',
    );
    t.not((await host.run(contain(remount, '--user --map-root-user --mount'))).status, 0);
    t.equal(await host.check(`${READER} link`), refused);

    await host.check(remount);
    t.match(
      await host.check(capable),
      /^read and write: allowed\nread: EINVAL\n[^]*iterate: allowed\ndetach: \w+\nupdate: \w+\n$/,
      'on a file system that can be written to, the same attempt gets the link',
    );
    await host.check('mount -o remount,ro /run/mpu/pidns');
    t.equal(await host.check(capable), refused);
  });

  await t.test('time does not depend on processes elsewhere', async (t) => {
    const time = async (): Promise<number> => Number(await host.check(contain(`exec ${READER} time`)));
    const before = await time();
    const crowd = spawn(READER, ['crowd', '2000'], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(crowd, 'exit');
    await once(crowd.stdout, 'data');
    const [among, all] = [await time(), Number(await host.check(`${READER} time`))];
    crowd.stdin.end();
    await ended;
    t.ok(all > 20 * before, `the host reads them all: ${all} ns`);
    t.ok(among < 1.5 * before, `a container: ${before} ns without, ${among} ns with 2,000 more processes`);
  });

  await t.test('a container outlives the host taking the file away', async (t) => {
    const script = contain(`exec 8<&0; echo ready; read -r <&8; exec ${READER} list`, '--mount');
    const disabled = await host.check(`
coproc ${script}
exec 5<&"\${COPROC[0]}" 6>&"\${COPROC[1]}"
read -r -u 5
mpu pidns disable >/dev/null
echo >&6
cat <&5
test ! -e /run/mpu`);
    t.equal(records(disabled).length, 1, 'it still reads its own list');
  });
});
