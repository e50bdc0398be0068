// SPDX-License-Identifier: GPL-2.0-only
import { testKernel } from './harness/test-kernel.js';
import { interception } from './subjects/interception.js';
import { netlink } from './subjects/netlink.js';

await testKernel('6.1', [netlink, interception], { architecture: 'aarch64' });
