// SPDX-License-Identifier: GPL-2.0-only
import { testKernel } from './harness/test-kernel.js';
import { timing } from './subjects/timing.js';

await testKernel('6.12', [timing], { cpus: 'counted' });
