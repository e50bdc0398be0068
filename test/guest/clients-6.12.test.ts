// SPDX-License-Identifier: GPL-2.0-only
import { testClients } from './harness/run-clients.js';

await testClients('6.12');
