// SPDX-License-Identifier: GPL-2.0-only
/** Where the package lies that this file is part of, installed or as a checkout. */
import { fileURLToPath } from 'node:url';

/** Absolute path of the directory that holds package.json; this file is compiled to dist/lib/package/ below it. */
export const packageRoot = fileURLToPath(new URL('../../../', import.meta.url));
