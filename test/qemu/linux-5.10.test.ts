// SPDX-License-Identifier: GPL-2.0-only
import { testKernel } from './guest-test.js';

await testKernel('5.10');
