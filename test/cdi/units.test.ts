// SPDX-License-Identifier: GPL-2.0-only
/** `mpu cdi install` with a real systemd, as the service manager of a user: it runs units in the same way. */
import { join } from 'node:path';
import t from 'tap';
import { lacking } from '../support/engines.js';
import { checkout, run } from '../support/mpu.js';
import { BOOT, SHUTDOWN, startHostToBoot } from './systemd.js';

const UNITS = '/etc/systemd/system/mpu-pidns.service /etc/systemd/system/mpu-cdi.service';

await t.test('the units in the package', { skip: await lacking(['systemd-analyze']) }, async (t) => {
  // Their program is not installed here.
  const verified = await run('systemd-analyze', [
    'verify',
    ...['pidns', 'cdi'].map((name) => join(checkout, `packaging/systemd/mpu-${name}.service`)),
  ]);
  t.equal(verified.stderr.replace(/^.*\/usr\/bin\/mpu is not executable.*\n/gm, ''), '');
});

const skip = await lacking(['unshare', 'nsenter', 'systemctl', 'systemd-analyze'], true);
await t.test('install, boot, remove', { skip }, async (t) => {
  const host = await startHostToBoot();
  t.teardown(() => host.stop());
  t.match(await host.run('mpu cdi install'), {
    status: 3,
    stdout: '',
    stderr: /systemd does not manage this system[^]*next: mpu cdi generate/,
  });
  const booted = await host.run(BOOT);
  if (booted.status !== 0) {
    await t.test(
      'systemd',
      { skip: `NOT TESTED: systemd does not run here: ${await host.check('cat /run/systemd.log')}` },
      () => undefined,
    );
    return;
  }
  t.teardown(() => host.run(SHUTDOWN));

  const installed = await host.run('mpu cdi install');
  t.match(installed, {
    status: 0,
    stdout: /^\/var\/run\/cdi\/mpu\.json\n {2}installed\n[^]*pidns: given to containers/,
    stderr: '',
  });
  t.match(await host.run('mpu pidns status'), { stdout: /translator: (bpf|nsfs)/ }, 'a translator is there');
  t.match(await host.check('cat /var/run/cdi/mpu.json'), /"hostPath": "\/run\/mpu\/pidns"/);
  t.match(await host.run(`systemd-analyze verify ${UNITS}`), { status: 0, stderr: '' }, 'the units are well-formed');
  await host.check('rm /run/systemctl.log');
  t.match(await host.run('mpu cdi install'), { status: 0, stdout: /unchanged/ });
  t.notMatch(await host.check('cat /run/systemctl.log'), /daemon-reload|^enable/m, 'nothing is done twice');

  await t.test('at the next boot', async (t) => {
    await host.check(SHUTDOWN);
    t.equal(await host.check('ls /run | grep mpu$ || true'), '', 'the translator is taken away');
    await host.check('rm -r /run/cdi');
    await host.check(BOOT);
    await host.check('systemctl start multi-user.target');
    t.match(
      await host.check('cat /var/run/cdi/mpu.json'),
      /"hostPath": "\/run\/mpu\/pidns"/,
      'first the translator, then the spec',
    );
    t.match(await host.check('findmnt --noheadings /run/mpu/pidns'), /bpf|nsfs/);
  });

  await t.test('removed: nothing is left', async (t) => {
    const removed = await host.run('mpu cdi remove --json');
    t.match(removed, { status: 0, stderr: '' });
    t.match(JSON.parse(removed.stdout), {
      outcome: 'removed',
      removed: ['/var/run/cdi/mpu.json', ...UNITS.split(' '), /\/var\/lib\/mpu\/cdi-/],
      used: [],
    });
    t.equal(
      await host.check('ls /var/lib/mpu /run/cdi; ls -d /run/mpu || true; find /etc/systemd -name "mpu*"'),
      '/run/cdi:\n\n/var/lib/mpu:\n',
    );
    t.match(await host.run('mpu cdi remove'), { status: 0, stdout: 'nothing to remove\n' });
  });

  await t.test('a unit that fails: the system is as before', async (t) => {
    await host.check('touch /var/lib/mpu/x; mount -t tmpfs -o ro none /var/lib/mpu');
    t.match(await host.run('mpu cdi install'), {
      status: 1,
      stdout: '',
      stderr: /systemctl restart[^]*next: journalctl/,
    });
    t.equal(await host.check('find /etc/systemd -name "mpu*"; ls /run/cdi'), '');
  });
});
