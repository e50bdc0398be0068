// SPDX-License-Identifier: GPL-2.0-only
import { testInterceptedClients } from './intercepted-clients-test.js';

await testInterceptedClients('5.10', 'some');
