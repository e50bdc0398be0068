// SPDX-License-Identifier: GPL-2.0-only
import { testKernel } from './harness/run-netlink.js';

await testKernel('7.3');
