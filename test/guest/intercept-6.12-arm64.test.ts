// SPDX-License-Identifier: GPL-2.0-only
import { testInterception } from './harness/run-interception.js';

await testInterception('6.12', 'aarch64');
