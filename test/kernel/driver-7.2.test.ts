// SPDX-License-Identifier: GPL-2.0-only
import { testDriver } from './driver-test.js';

await testDriver('7.2');
