// SPDX-License-Identifier: GPL-2.0-only
/** Importing this keeps what tests make mpu remember out of the user's cache. */
import { fileURLToPath } from 'node:url';

process.env.XDG_CACHE_HOME = fileURLToPath(new URL('../cache', import.meta.url));
