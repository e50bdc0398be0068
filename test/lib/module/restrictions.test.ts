// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { Host } from '#mpu/lib/system/host.js';
import { parseLockdown, readRestrictions } from '#mpu/lib/module/restrictions.js';

await t.test('Secure Boot and lockdown', async (t) => {
  const variable = 'SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';
  const root = (value: Buffer | undefined): Promise<Host> =>
    Host.open({
      root: t.testdir({
        proc: { sys: { kernel: { osrelease: '6.1.0-9-amd64\n', modules_disabled: '0\n' } } },
        sys: {
          kernel: { security: { lockdown: 'none [integrity] confidentiality\n' } },
          module: { module: { parameters: { sig_enforce: 'Y\n' } } },
          firmware: {
            efi: { fw_platform_size: '64', ...(value === undefined ? {} : { efivars: { [variable]: value } }) },
          },
        },
      }),
    });
  const restrictions = { lockdown: 'integrity', signaturesEnforced: true, modulesDisabled: false };
  t.same(await readRestrictions(await root(Buffer.from([6, 0, 0, 0, 1]))), { ...restrictions, secureBoot: 'on' });
  t.same(await readRestrictions(await root(Buffer.from([6, 0, 0, 0, 0]))), { ...restrictions, secureBoot: 'off' });
  t.same(await readRestrictions(await root(undefined)), { ...restrictions, secureBoot: 'unknown' });
  t.equal(parseLockdown('[none] integrity confidentiality'), 'none');
  t.equal(parseLockdown(undefined), 'unknown');
});
