// SPDX-License-Identifier: GPL-2.0-only
import { testKernel } from './harness/test-kernel.js';
import { clients } from './subjects/clients.js';
import { interceptedClients } from './subjects/intercepted-clients.js';
import { interception } from './subjects/interception.js';
import { netlink } from './subjects/netlink.js';
import { withoutFtrace } from './subjects/without-ftrace.js';

await testKernel('6.12', [netlink, interception, withoutFtrace, clients, interceptedClients('all')]);
