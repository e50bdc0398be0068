// SPDX-License-Identifier: GPL-2.0-only
import { testClients } from './clients-test.js';

await testClients('6.12');
