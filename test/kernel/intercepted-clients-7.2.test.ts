// SPDX-License-Identifier: GPL-2.0-only
import { testInterceptedClients } from './intercepted-clients-test.js';

await testInterceptedClients('7.2', 'some');
