// SPDX-License-Identifier: GPL-2.0-only
import { testInterception } from './intercept-test.js';

await testInterception('6.12', 'aarch64');
