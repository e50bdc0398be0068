// SPDX-License-Identifier: GPL-2.0-only
/** The library API of mpu. */
export { ExitCode, MpuError, type MpuErrorParts } from './lib/errors.js';
export { inject } from './lib/inject.js';
export type { EngineName, InjectOptions, InjectOutcome, InjectResult } from './lib/inject-types.js';
export { queryModule, translate } from './lib/translator.js';
export type { Direction, ModuleState, TranslateOptions, TranslationMethod } from './lib/translator.js';
export { version } from './lib/version.js';
