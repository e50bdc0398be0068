// SPDX-License-Identifier: GPL-2.0-only
/** The library API of mpu. */
export { ExitCode, MpuError, type MpuErrorParts } from './lib/errors.js';
export { eject } from './lib/eject.js';
export type { EjectOptions, EjectOutcome, EjectResult } from './lib/eject-types.js';
export { inject } from './lib/inject.js';
export type { EngineName, InjectOptions, InjectOutcome, InjectResult, ReadLayers } from './lib/inject-types.js';
export { inspect } from './lib/inspect.js';
export type { InjectionState, InspectedPlatform, InspectOptions, InspectResult } from './lib/inspect-types.js';
export { queryModule, translate } from './lib/translator.js';
export type { Direction, ModuleState, TranslateOptions, TranslationMethod } from './lib/translator.js';
export { version } from './lib/version.js';
