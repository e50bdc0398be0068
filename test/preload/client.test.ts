// SPDX-License-Identifier: GPL-2.0-only
/** The client that libmpu.so, libmpu-client and the native addon share, under address and undefined behaviour sanitizers. */
import t from 'tap';
import { built } from './library.js';

await t.spawn(built('client-test'), [], {}, 'client-test');
