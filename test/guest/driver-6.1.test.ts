// SPDX-License-Identifier: GPL-2.0-only
import { testDriver } from './harness/run-driver.js';

await testDriver('6.1');
