// SPDX-License-Identifier: GPL-2.0-only
/** Writing the CDI spec of mpu's devices, with the files it names. */
import { resolve } from 'node:path';
import { isTranslator, pidnsState } from '../containers/pidns-file.js';
import { HOST_DIRECTORY, installHostFiles } from './host-files.js';
import { PIDNS, specFor, type Spec } from './spec.js';

/** How to generate; everything is optional. */
export interface GenerateOptions {
  /** Where the library is put for containers to be given it. Default {@link HOST_DIRECTORY}. */
  directory?: string;
  /** Where the built libraries are, `DIR/ARCHITECTURE/libmpu.so`. Default: those of this package. */
  libraryDirectory?: string;
}

/** Makes the spec, and puts the files it names where they belong. Rejects with an MpuError. */
export async function generateSpec(options: GenerateOptions = {}): Promise<Spec> {
  // The engines take absolute paths only.
  const files = await installHostFiles(resolve(options.directory ?? HOST_DIRECTORY), options.libraryDirectory);
  return specFor(files, problemWithPidns() === undefined ? PIDNS : undefined);
}

/** Why {@link PIDNS} cannot be given to containers: a mount of what is not there keeps one from starting, and a plain file translates nothing. */
export function problemWithPidns(): string | undefined {
  const state = pidnsState(PIDNS);
  if (isTranslator(state) || state === 'other-namespace') return undefined;
  return `${PIDNS} ${state === 'absent' ? 'is not there' : 'has no translator mounted on it'}`;
}

/** The text of a spec, as it stands in a file. */
export function specText(spec: Spec): string {
  return `${JSON.stringify(spec, undefined, 2)}\n`;
}
