// SPDX-License-Identifier: GPL-2.0-only
/**
 * Setuid programs load libmpu.so from ld.so.preload, and must not be led by their caller's environment. The file and the
 * default path of the PID namespace are put in place in a mount namespace of their own.
 */
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { cannotUnshare, hostNamespace } from '../rm-sim/session.js';
import { Container, type List, PIDNS } from './container.js';
import { built, library } from './library.js';

const OWNER = 23456;
const CALLER = 65534;
/** The default path is used for the initial namespace's file alone. */
const INITIAL = 'pid:[4026531836]';
const LOADER_FILES = ['ld.so.cache', 'ld.so.conf', 'passwd', 'group', 'nsswitch.conf'];

const cannot =
  cannotUnshare !== false || hostNamespace === INITIAL
    ? cannotUnshare
    : 'LOUD SKIP: not tested, this is not the initial PID namespace, so there is no default path';

void t.test('AT_SECURE', { skip: cannot }, async (t) => {
  const container = await Container.start();
  t.teardown(() => container.stop());
  const directory = container.session.directory;
  chmodSync(directory, 0o755);

  const etc = join(directory, 'etc');
  mkdirSync(etc);
  for (const name of LOADER_FILES) {
    if (existsSync(`/etc/${name}`)) copyFileSync(`/etc/${name}`, join(etc, name));
  }
  const libmpu = join(directory, 'libmpu.so');
  copyFileSync(library('x86_64'), libmpu);
  writeFileSync(join(etc, 'ld.so.preload'), `${libmpu}\n`);
  const programs = { ordinary: join(directory, 'ordinary'), setuid: join(directory, 'setuid') };
  for (const program of Object.values(programs)) copyFileSync(built('rewriting'), program);
  chownSync(programs.setuid, OWNER, OWNER);
  chmodSync(programs.setuid, 0o4755);

  /** Lists as an unprivileged user; mounted: whether the default path has the host's PID namespace. */
  const list = async (
    program: string,
    mounted: boolean,
    environment: Record<string, string>,
  ): Promise<List | undefined> => {
    const script = join(directory, 'enter.sh');
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    writeFileSync(
      script,
      [
        'set -e',
        `mount --bind ${etc} /etc`,
        'mount -t tmpfs tmpfs /run',
        'mkdir /run/mpu',
        ...(mounted ? ['touch /run/mpu/pidns', 'mount --bind /proc/self/fd/7 /run/mpu/pidns'] : []),
        `exec setpriv --reuid ${CALLER} --regid ${CALLER} --clear-groups env ${variables.join(' ')} ${program} list`,
      ].join('\n'),
    );
    const { documents, rest } = await container.run(`unshare --mount sh ${script}`);
    if (documents.length !== 1) throw new Error(`${program}: ${rest}`);
    return documents[0] as List;
  };
  const isRight = (t: Test, found: List | undefined, what: string): void => {
    t.same(found?.pids, found && container.right(found), what);
  };
  const isUntouched = (t: Test, found: List | undefined, what: string): void => {
    t.equal(found?.pids.length, 4, what);
  };

  await t.test('the default path', async (t) => {
    isRight(t, await list(programs.ordinary, true, {}), 'serves an ordinary program');
    isRight(t, await list(programs.setuid, true, {}), 'serves a setuid program');
    isUntouched(t, await list(programs.ordinary, false, {}), 'is missed by an ordinary program');
    isUntouched(t, await list(programs.setuid, false, {}), 'is missed by a setuid program');
  });
  await t.test('MPU_PIDNS', async (t) => {
    isRight(t, await list(programs.ordinary, false, { MPU_PIDNS: PIDNS }), 'is honoured in an ordinary program');
    isUntouched(t, await list(programs.setuid, false, { MPU_PIDNS: PIDNS }), 'is not in a setuid program');
    isRight(t, await list(programs.setuid, true, { MPU_PIDNS: '/nowhere' }), 'nor to lead it away');
  });
  await t.test('MPU_DISABLE', async (t) => {
    isUntouched(t, await list(programs.ordinary, true, { MPU_DISABLE: '1' }), 'is honoured in an ordinary program');
    isRight(t, await list(programs.setuid, true, { MPU_DISABLE: '1' }), 'is not in a setuid program');
  });
});
