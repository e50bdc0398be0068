// SPDX-License-Identifier: GPL-2.0-only
/** Puts the module's sources where DKMS wants them, as `mpu module install` does: so each knows the other's. */
import process from 'node:process';
import { copySources } from '../dist/lib/module/source.js';

await copySources(process.argv[2]);
