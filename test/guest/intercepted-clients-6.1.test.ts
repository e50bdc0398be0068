// SPDX-License-Identifier: GPL-2.0-only
import { testInterceptedClients } from './harness/run-intercepted-clients.js';

await testInterceptedClients('6.1', 'some');
