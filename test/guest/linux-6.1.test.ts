// SPDX-License-Identifier: GPL-2.0-only
import { testKernel } from './harness/test-kernel.js';
import { driver } from './subjects/driver.js';
import { interceptedClients } from './subjects/intercepted-clients.js';
import { interception } from './subjects/interception.js';
import { mpuModule } from './subjects/mpu-module.js';
import { netlink } from './subjects/netlink.js';

await testKernel('6.1', [netlink, interception, driver, interceptedClients('some'), mpuModule]);
