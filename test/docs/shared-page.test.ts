// SPDX-License-Identifier: GPL-2.0-only
/** The command of docs/shared-page.md writes the option that `mpu doctor` looks for. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { pollingKey } from '#mpu/lib/doctor/shared-page.js';
import { codeBlocks } from '../support/docs.js';
import { check, checkout } from '../support/mpu.js';

const PAGE = 'docs/shared-page.md';

void t.test('the option of the driver', async (t) => {
  const [command = ''] = codeBlocks(PAGE, 'sh');
  // Prints what would be written, and where.
  const written = await check('bash', ['-euc', `sudo() { echo "$*"; cat; }\n${command}`]);
  const [tee, line = ''] = written.split('\n');
  t.match(tee, /^tee \/etc\/modprobe\.d\/\S+\.conf$/);
  const [, list = ''] = /^options nvidia NVreg_RegistryDwords=("[^"]*")$/.exec(line) ?? [];
  t.equal(pollingKey(`RegistryDwords: ${list}\n`), 1, 'as the driver shows it in /proc/driver/nvidia/params');
});

void t.test('what the page names is there', (t) => {
  t.match(readFileSync(join(checkout, PAGE), 'utf8'), 'test/gpu/shared_page.py');
  t.ok(readFileSync(join(checkout, 'test/gpu/shared_page.py')).length > 0);
  t.end();
});
