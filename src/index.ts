// SPDX-License-Identifier: GPL-2.0-only
/**
 * The library API of mpu. Everything that fails throws an {@link MpuError}: a code to test for, what could not be done,
 * why, and what to do next.
 */
export { ExitCode, MpuError, type MpuErrorParts } from './lib/errors.js';
export { eject } from './lib/eject.js';
export type { EjectOptions, EjectOutcome, EjectResult } from './lib/image/types.js';
export { inject } from './lib/inject.js';
export type { EngineName, InjectOptions, InjectOutcome, InjectResult, ReadLayers } from './lib/image/types.js';
export { inspect } from './lib/inspect.js';
export type { InjectionState, InspectedPlatform, InspectOptions, InspectResult } from './lib/image/types.js';
export type { DkmsEntry } from './lib/module/dkms.js';
export type { HostOptions } from './lib/system/host.js';
export type { LoadedModule } from './lib/module/loaded-module.js';
export type { InstalledModule, ModuleFile } from './lib/module/module-file.js';
export type { Restrictions } from './lib/module/restrictions.js';
export { moduleStatus, type ModuleStatus } from './lib/module/status.js';
export { queryModule, translate } from './lib/translator.js';
export type { Direction, ModuleState, TranslateOptions, TranslationMethod } from './lib/translator.js';
export { version } from './lib/package/version.js';
